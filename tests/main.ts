/**
 * Runs the tests: `npm test`, or `npm test -- queue tidy` for the files whose path contains one of
 * the words. It is here because `node --test` takes no patterns before Node 21, and because it
 * starts from the sources: a compiled test whose source is gone is not run.
 *
 * Each file runs in a process of its own, in one of two lanes: those that work, as many at a time
 * as there are processors, and beside them as many of those that mostly wait (`order.ts`).
 */

import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative, sep } from 'node:path'
import { Readable } from 'node:stream'
import { run } from 'node:test'
import { spec, type TestEvent } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { long, waiting } from './order.ts'

/** A file that takes longer hangs; it is stopped and counted as failed. */
const fileTimeoutMs = 240_000

const outputFolder = dirname(dirname(fileURLToPath(import.meta.url)))
const root = rootAbove(outputFolder)
const words = process.argv.slice(2)
const sources = ['src', 'tests']
  .flatMap(folder => testsBelow(join(root, folder)))
  .map(source => relative(root, source).split(sep).join('/'))
  .sort()
const chosen = sources.filter(name => words.length === 0 || words.some(word => name.includes(word)))
const unknown = [...waiting, ...long].filter(name => !sources.includes(name))

if (unknown.length > 0) {
  console.error(`tests/order.ts names what does not exist: ${unknown.join(', ')}`)
  process.exitCode = 1
} else if (chosen.length === 0) {
  console.error(`No test file's path contains: ${words.join(', ')}. There are ${sources.length}.`)
  process.exitCode = 1
} else {
  process.chdir(root)
  // With it every Node process reads all certificates first: 85 ms each, and no test asks afar.
  delete process.env['NODE_EXTRA_CA_CERTS']
  const rest = chosen.filter(name => !waiting.includes(name) && !long.includes(name))
  const inOrder = (names: readonly string[]) => names.filter(name => chosen.includes(name))
  const processors = availableParallelism()
  const lanes = [lane([...inOrder(long), ...rest], processors), lane(inOrder(waiting), processors)]
  Readable.from(oneReport(lanes)).compose(new spec()).pipe(process.stdout)
}

function lane(names: readonly string[], concurrency: number): AsyncIterable<TestEvent> {
  if (names.length === 0) return Readable.from([])
  const files = names.map(name => join(outputFolder, name.replace(/\.ts$/, '.js')))
  const events = run({ files, concurrency, timeout: fileTimeoutMs })
  events.on('test:fail', event => {
    if (event.todo === undefined || event.todo === false) process.exitCode = 1
  })
  return events
}

/** The events of all lanes, one lane after the other, as if there had been one run. */
async function* oneReport(lanes: readonly AsyncIterable<TestEvent>[]): AsyncGenerator<TestEvent> {
  const totals = new Map<string, number>()
  let summary: TestEvent | undefined
  for (const events of lanes) {
    for await (const event of events) {
      const [name, count] = totalIn(event)
      if (name === 'duration_ms') totals.set(name, Math.max(totals.get(name) ?? 0, count))
      else if (name !== '') totals.set(name, (totals.get(name) ?? 0) + count)
      else if (isEndOfRun(event)) summary = event
      else yield event
    }
  }
  for (const [name, count] of totals) {
    yield { type: 'test:diagnostic', data: { nesting: 0, message: `${name} ${count}` } }
  }
  if (summary !== undefined) yield summary
}

/** Newer versions of Node end a run with a summary of all files, and report nothing after it. */
function isEndOfRun({ type, data }: { readonly type: string; readonly data: unknown }): boolean {
  if (type !== 'test:summary') return false
  return (data as { readonly file?: string }).file === undefined
}

/** One of the figures at the end of a run: its name and its value. */
function totalIn({ type, data }: TestEvent): [name: string, count: number] {
  const pattern = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/
  const found = type === 'test:diagnostic' && data.nesting === 0 && pattern.exec(data.message)
  return found ? [found[1]!, Number(found[2])] : ['', 0]
}

function rootAbove(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder
  const parent = dirname(folder)
  if (parent === folder) throw new Error('There is no package.json above the compiled tests.')
  return rootAbove(parent)
}

function testsBelow(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return testsBelow(path)
    return entry.name.endsWith('.test.ts') ? [path] : []
  })
}
