/**
 * Runs the tests: `npm test`, or `npm test -- queue tidy` for the files whose path contains one of
 * the words. It is here because `node --test` takes no patterns before Node 21, and because it
 * starts from the sources: a compiled test whose source is gone is not run.
 *
 * Each file runs in a process of its own, as many at a time as there are processors.
 */

import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative, sep } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'

/** A file that takes longer hangs; it is stopped and counted as failed. */
const fileTimeoutMs = 240_000

const outputFolder = dirname(dirname(fileURLToPath(import.meta.url)))
const root = rootAbove(outputFolder)
const words = process.argv.slice(2)
const sources = ['src', 'tests'].flatMap(folder => testsBelow(join(root, folder))).sort()
const chosen = sources
  .map(source => relative(root, source).split(sep).join('/'))
  .filter(name => words.length === 0 || words.some(word => name.includes(word)))

if (chosen.length === 0) {
  console.error(`No test file's path contains: ${words.join(', ')}. There are ${sources.length}.`)
  process.exitCode = 1
} else {
  process.chdir(root)
  const files = chosen.map(name => join(outputFolder, name.replace(/\.ts$/, '.js')))
  const events = run({ files, concurrency: availableParallelism(), timeout: fileTimeoutMs })
  events.on('test:fail', event => {
    if (event.todo === undefined || event.todo === false) process.exitCode = 1
  })
  events.compose(new spec()).pipe(process.stdout)
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
