/**
 * Programs with the clients that people use for Kafka, fetched from their registries. Each one
 * plays its story and prints what it has seen as one line of JSON; see README.md.
 */

import { deepEqual } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryFolder, startSpillway } from '../../harness/broker.ts'
import { temporaryFolder } from '../../harness/process.ts'
import { fetchKafka, startKafkaPeer } from '../peers/kafka.ts'
import type { Choice, Report, Suite } from '../suite.ts'

interface Program {
  readonly name: string
  /** Fetches what it needs; resolves with the command that runs it, without the address. */
  prepare(folders: Folders): Promise<readonly string[]>
  /** Below this folder. */
  readonly folder: string
  /** What it prints when all is well. */
  readonly expected: unknown
}

interface Folders {
  /** The program's sources. */
  readonly source: string
  /** Where its dependencies are kept from run to run. */
  readonly cache: string
}

const payment = { taken: 60, twice: 0, in_order: true, with_header: 60 }
const orderStory = { confirmed: 60, payment, invoices: 10, drafts: 0, places: 60 }

const programs: readonly Program[] = [
  {
    name: 'kafkajs',
    folder: 'node',
    prepare: ({ source }) => node(join(source, 'kafkajs.mjs')),
    expected: orderStory,
  },
  {
    name: '@platformatic/kafka',
    folder: 'node',
    prepare: ({ source }) => node(join(source, 'platformatic.mjs')),
    expected: { confirmed: 60, payment },
  },
  { name: 'librdkafka', folder: 'librdkafka', prepare: python, expected: orderStory },
  { name: 'kafka-python', folder: 'kafka-python', prepare: python, expected: orderStory },
  { name: 'franz-go', folder: 'go', prepare: go, expected: orderStory },
  {
    name: 'the Java client',
    folder: 'java',
    prepare: folders => java(folders, 'Story'),
    expected: orderStory,
  },
  {
    name: 'share groups of the Java client',
    folder: 'java',
    prepare: folders => java(folders, 'Share'),
    expected: { shared: 60, twice: 0, deliveries: 140, most: 5, state: 'Empty' },
  },
]

export const kafkaPrograms: Suite = { name: 'kafka/programs', run }

const runFile = promisify(execFile)
const fetchMs = 240_000
const playMs = 90_000

async function run(report: Report, choice: Choice): Promise<void> {
  const ready: { readonly program: Program; readonly command: readonly string[] }[] = []
  for (const program of programs.filter(({ name }) => name.includes(choice.only))) {
    const source = join(repositoryFolder(), 'tests/interop/kafka', program.folder)
    const cache = join(repositoryFolder(), '.cache/interop/kafka', program.folder)
    mkdirSync(cache, { recursive: true })
    try {
      ready.push({ program, command: await program.prepare({ source, cache }) })
    } catch (error) {
      report.missing(program.name, (error as Error).message.split('\n')[0] ?? '')
    }
  }
  if (ready.length === 0) return
  for (const start of subjects(report, choice)) {
    const broker = await start()
    const name = `${broker.name} ${broker.version}`
    try {
      for (const { program, command } of ready) {
        const why = await play(program, [...command, `127.0.0.1:${broker.kafkaPort}`])
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

/** The real one first: it checks the programs. */
function subjects(report: Report, choice: Choice) {
  const all = []
  const why = choice.peers ? fetchKafka() : undefined
  if (why !== undefined) report.missing('Kafka', why)
  if (choice.peers && why === undefined) all.push(() => startKafkaPeer())
  if (choice.spillway) all.push(() => startSpillway({ folder: temporaryFolder('data') }))
  return all
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

async function node(file: string): Promise<readonly string[]> {
  return [process.execPath, file]
}

async function python({ source, cache }: Folders): Promise<readonly string[]> {
  const interpreter = join(cache, 'bin/python')
  await runFile('python3', ['-m', 'venv', cache], { timeout: fetchMs })
  const requirements = join(source, 'requirements.txt')
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
  await runFile(interpreter, [...pip, '-r', requirements], { timeout: fetchMs })
  return [interpreter, join(source, 'story.py')]
}

async function go({ source, cache }: Folders): Promise<readonly string[]> {
  const program = join(cache, 'story')
  await runFile('go', ['build', '-o', program, '.'], { cwd: source, timeout: fetchMs })
  return [program]
}

async function java(
  { source, cache }: Folders,
  program: 'Story' | 'Share',
): Promise<readonly string[]> {
  const jars = join(cache, 'jars')
  const classes = join(cache, 'classes')
  const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${jars}`]
  const pom = join(source, 'pom.xml')
  await runFile('mvn', ['--batch-mode', '--quiet', '-f', pom, ...copy], { timeout: fetchMs })
  const compile = [
    '-cp',
    join(jars, '*'),
    '-d',
    classes,
    join(source, `${program.toLowerCase()}.java`),
  ]
  await runFile('javac', compile, { timeout: fetchMs })
  return ['java', '-cp', `${classes}:${join(jars, '*')}`, program]
}
