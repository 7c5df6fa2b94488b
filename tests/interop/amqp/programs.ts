/**
 * Programs in other languages, with the clients that people use there, fetched from their
 * registries. Each one plays its story and prints what it has seen as one line of JSON, which must
 * be what the story tells; see README.md.
 */

import { deepEqual } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryFolder } from '../../harness/broker.ts'
import { go, java, type Prepare, python } from '../fetch.ts'
import type { Choice, Report, Suite } from '../suite.ts'
import { onEachBroker } from './subjects.ts'

interface Program {
  readonly name: string
  /** Below this folder. */
  readonly folder: string
  readonly prepare: Prepare
  /** What it prints when all is well. */
  readonly expected: unknown
}

const stock = { book: 'book in stock', last: 'last in stock', pen: 'pen in stock' }
const every10th = (from: number) => Array.from({ length: 6 }, (_, index) => index * 10 + from)

/** The whole story, as README.md tells it. */
const orderStory = {
  published: { confirmed: 60, returned: [312, 'NO_ROUTE'] },
  payment: { paid: 54, in_order: true },
  dead: every10th(3).map(id => {
    return [id, 'payment', 'rejected', 'orders', ['order.created'], 1, 'payment']
  }),
  warehouse: { taken: 60, waited: every10th(7) },
  express: true,
  stock,
}

const programs: readonly Program[] = [
  { name: 'pika', folder: 'pika', prepare: python, expected: orderStory },
  { name: 'amqp091-go', folder: 'go', prepare: go, expected: orderStory },
  { name: 'the Java client', folder: 'java', prepare: java, expected: orderStory },
  {
    name: 'Celery',
    folder: 'celery',
    prepare: python,
    expected: {
      rpc: 6,
      retried: 2,
      failed: ['poisoned', 'FAILURE'],
      later: 4,
      chain: 10,
      group: Array.from({ length: 20 }, (_, index) => index * 2),
      priorities: [0, 1, 2, 3, 4],
    },
  },
  {
    name: 'Spring AMQP',
    folder: 'spring',
    prepare: java,
    expected: {
      published: { confirmed: 60, returned: [312, 'NO_ROUTE'] },
      warehouse: { taken: 54, waited: every10th(7), dead: 6 },
      express: true,
      stock,
    },
  },
]

export const amqpPrograms: Suite = { name: 'amqp/programs', run }

const runFile = promisify(execFile)
const playMs = 60_000

async function run(report: Report, choice: Choice): Promise<void> {
  const ready = await prepareAll(report, choice)
  if (ready.length === 0) return
  await onEachBroker(report, choice, async ({ name: broker, broker: { url } }) => {
    for (const { program, command } of ready) {
      const why = await play(program, [...command, withLogin(url)])
      if (why !== undefined) report.failed(`${program.name} on ${broker}`, why)
      const passed = why === undefined ? 1 : 0
      report.row({ broker, suite: `${program.name}, a story`, passed, failed: 1 - passed })
    }
  })
}

interface ReadyProgram {
  readonly program: Program
  readonly command: readonly string[]
}

async function prepareAll(report: Report, { only }: Choice): Promise<ReadyProgram[]> {
  const ready: ReadyProgram[] = []
  for (const program of programs.filter(each => each.name.includes(only))) {
    const source = join(repositoryFolder(), 'tests/interop/amqp', program.folder)
    const cache = join(repositoryFolder(), '.cache/interop/amqp', program.folder)
    mkdirSync(cache, { recursive: true })
    try {
      ready.push({ program, command: await program.prepare({ source, cache }) })
    } catch (error) {
      report.missing(program.name, lastLine(error))
    }
  }
  return ready
}

function lastLine(error: unknown): string {
  const { stderr, stdout, message } = error as { stderr?: string; stdout?: string; message: string }
  const lines = `${stdout ?? ''}\n${stderr ?? ''}`.split('\n').filter(line => /error/i.test(line))
  return lines[0]?.trim() ?? message.split('\n')[0] ?? ''
}

/** Why it is not what it should be, or undefined. */
async function play(program: Program, command: readonly string[]): Promise<string | undefined> {
  const [file, ...args] = command
  try {
    const { stdout } = await runFile(file!, args, { timeout: playMs })
    deepEqual(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''), program.expected)
    return undefined
  } catch (error) {
    const { message, stderr } = error as { message: string; stderr?: string }
    return `${message}\n${stderr ?? ''}`
  }
}

function withLogin(url: string): string {
  return url.replace('amqp://', 'amqp://guest:guest@')
}
