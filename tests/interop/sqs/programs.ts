/**
 * The order story through SDKs and tools of SQS, in five programs; see README.md. Each of them
 * plays it on Spillway and prints what it has seen as one line of JSON.
 */

import { deepEqual } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryFolder, startSpillway } from '../../harness/broker.ts'
import { type Folders, go, java, type Prepare, python } from '../fetch.ts'
import type { Choice, Report, Suite } from '../suite.ts'

interface Program {
  readonly name: string
  /** Below this folder. */
  readonly folder: string
  readonly prepare: Prepare
}

const programs: readonly Program[] = [
  { name: 'sqs-consumer', folder: 'node', prepare: node },
  { name: 'boto3', folder: 'python', prepare: python },
  { name: 'the AWS CLI', folder: 'cli', prepare: python },
  { name: 'the AWS SDK for Go', folder: 'go', prepare: go },
  { name: 'the AWS SDK for Java', folder: 'java', prepare: java },
]

/** What each of them must see. */
const story = {
  sent: 20,
  duplicate: true,
  handled: 19,
  in_order: true,
  attributes: true,
  poisoned: 3,
  dead: [7, true],
  back: 7,
  left: [0, 0],
  error: 'QueueDoesNotExist',
}

export const sqsPrograms: Suite = { name: 'sqs/programs', run }

const runFile = promisify(execFile)
/** The CLI starts Python for each of its forty requests. */
const playMs = 180_000

async function run(report: Report, choice: Choice): Promise<void> {
  if (choice.peers) report.missing('Amazon SQS', 'it is a service, and cannot be installed')
  if (!choice.spillway) return
  const ready = await prepareAll(report, choice)
  if (ready.length === 0) return
  const broker = await startSpillway()
  const name = `${broker.name} ${broker.version}`
  try {
    for (const { program, command } of ready) {
      const why = await play([...command, `http://${broker.host}:${broker.sqsPort}`])
      if (why !== undefined) report.failed(`${program.name} on ${name}`, why)
      const passed = why === undefined ? 1 : 0
      const suite = `${program.name}, a story`
      report.row({ broker: name, suite, passed, failed: 1 - passed })
    }
  } finally {
    await broker.stop()
  }
}

/** Its packages are development dependencies. */
async function node({ source }: Folders): Promise<readonly string[]> {
  return [process.execPath, join(source, 'story.mjs')]
}

async function prepareAll(report: Report, { only }: Choice) {
  const ready: { readonly program: Program; readonly command: readonly string[] }[] = []
  for (const program of programs.filter(each => each.name.includes(only))) {
    const source = join(repositoryFolder(), 'tests/interop/sqs', program.folder)
    const cache = join(repositoryFolder(), '.cache/interop/sqs', program.folder)
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
async function play(command: readonly string[]): Promise<string | undefined> {
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
