/**
 * The order story through the clients of other languages; see README.md. Each program plays it on
 * Spillway and, as a check of the program, on Redis, and prints what it has seen as one line of
 * JSON.
 */

import { deepEqual } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryFolder, startSpillway } from '../../harness/broker.ts'
import { go, java, type Prepare, python } from '../fetch.ts'
import { fetchRedis, startRedis } from '../peers/redis.ts'
import type { Choice, Report, Suite } from '../suite.ts'

interface Program {
  readonly name: string
  /** Below this folder. */
  readonly folder: string
  readonly prepare: Prepare
}

const programs: readonly Program[] = [
  { name: 'redis-py', folder: 'python', prepare: python },
  { name: 'go-redis', folder: 'go', prepare: go },
  { name: 'Jedis', folder: 'java', prepare: java },
]

/** What each of them must see. */
const story = {
  published: 60,
  paid: 54,
  pending: 6,
  claimed: [3, 13, 23, 33, 43, 53],
  express: 'express',
  transaction: 2,
  heard: 'hello',
  lock: [true, false],
  due: ['soon'],
  trimmed: 10,
  error: 'BUSYGROUP',
}

export const redisPrograms: Suite = { name: 'redis/programs', run }

const runFile = promisify(execFile)
const playMs = 60_000

async function run(report: Report, choice: Choice): Promise<void> {
  const ready = await prepareAll(report, choice)
  if (ready.length === 0) return
  for (const start of brokers(report, choice)) {
    const broker = await start()
    const name = `${broker.name} ${broker.version}`
    try {
      for (const { program, command } of ready) {
        const why = await play([...command, broker.host, String(broker.redisPort)])
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

function brokers(report: Report, choice: Choice) {
  const missing = choice.peers ? fetchRedis() : undefined
  if (missing !== undefined) report.missing('Redis', missing)
  return [
    ...(choice.peers && missing === undefined ? [() => startRedis()] : []),
    ...(choice.spillway ? [() => startSpillway()] : []),
  ]
}

async function prepareAll(report: Report, { only }: Choice) {
  const ready: { readonly program: Program; readonly command: readonly string[] }[] = []
  for (const program of programs.filter(each => each.name.includes(only))) {
    const source = join(repositoryFolder(), 'tests/interop/redis', program.folder)
    const cache = join(repositoryFolder(), '.cache/interop/redis', program.folder)
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
