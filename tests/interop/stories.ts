/**
 * Programs in other languages that play the order story on a broker, and print what they have seen
 * as one line of JSON. A protocol's folder names its programs, and what each of them must see.
 */

import { deepEqual } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryFolder } from '../harness/broker.ts'
import type { Prepare } from './fetch.ts'
import type { Choice, Report } from './suite.ts'

export interface Program {
  readonly name: string
  /** Below the protocol's folder. */
  readonly folder: string
  readonly prepare: Prepare
}

interface Stage {
  readonly name: string
  readonly version: string
  stop(): Promise<unknown>
}

export interface Stories<Broker extends Stage> {
  /** The folder below this one, `redis`. */
  readonly protocol: string
  readonly programs: readonly Program[]
  /** What each of them must see. */
  readonly story: unknown
  /** How long one of them may take, in ms. */
  readonly playMs: number
  /** Who is asked, one after the other. */
  readonly brokers: readonly (() => Promise<Broker>)[]
  /** What a program is told of the broker. */
  readonly address: (broker: Broker) => readonly string[]
}

interface Ready {
  readonly program: Program
  readonly command: readonly string[]
}

const runFile = promisify(execFile)

export async function playStories<Broker extends Stage>(
  stories: Stories<Broker>,
  report: Report,
  { only }: Choice,
): Promise<void> {
  const { protocol, programs, brokers, address } = stories
  if (brokers.length === 0) return
  const chosen = programs.filter(each => each.name.includes(only))
  const ready = await prepareAll(protocol, chosen, report)
  if (ready.length === 0) return
  for (const start of brokers) {
    const broker = await start()
    const name = `${broker.name} ${broker.version}`
    try {
      for (const { program, command } of ready) {
        const why = await play([...command, ...address(broker)], stories)
        if (why !== undefined) report.failed(`${program.name} on ${name}`, why)
        const passed = why === undefined ? 1 : 0
        const suite = `${program.name}, a story`
        report.row({ broker: name, suite, passed, failed: 1 - passed })
      }
    } finally {
      await broker.stop()
    }
  }
}

async function prepareAll(
  protocol: string,
  programs: readonly Program[],
  report: Report,
): Promise<Ready[]> {
  const ready: Ready[] = []
  for (const program of programs) {
    const source = join(repositoryFolder(), 'tests/interop', protocol, program.folder)
    const cache = join(repositoryFolder(), '.cache/interop', protocol, program.folder)
    mkdirSync(cache, { recursive: true })
    try {
      ready.push({ program, command: await program.prepare({ source, cache }) })
    } catch (error) {
      report.missing(program.name, (error as Error).message.split('\n')[0] ?? '')
    }
  }
  return ready
}

/** Why it is not what it should be, or undefined. */
async function play(
  command: readonly string[],
  { story, playMs }: { readonly story: unknown; readonly playMs: number },
): Promise<string | undefined> {
  const [file, ...args] = command
  try {
    const { stdout } = await runFile(file!, args, { timeout: playMs })
    deepEqual(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''), story)
    return undefined
  } catch (error) {
    const { message, stderr } = error as { message: string; stderr?: string }
    return `${message}\n${stderr ?? ''}`
  }
}
