/**
 * Programs in other languages: each is fetched from its registry with the client that people use
 * there, and plays its story, which it prints as one line of JSON.
 */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Folders {
  /** The program's sources. */
  readonly source: string
  /** Where its dependencies are kept from run to run. */
  readonly cache: string
}

/** Fetches what a program needs; resolves with the command that runs it, without the URL. */
export type Prepare = (folders: Folders) => Promise<readonly string[]>

const runFile = promisify(execFile)
const fetchMs = 240_000

/** `requirements.txt` and `story.py`. */
export async function python({ source, cache }: Folders): Promise<readonly string[]> {
  const interpreter = join(cache, 'bin/python')
  await runFile('python3', ['-m', 'venv', cache], { timeout: fetchMs })
  const requirements = join(source, 'requirements.txt')
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
  await runFile(interpreter, [...pip, '-r', requirements], { timeout: fetchMs })
  return [interpreter, join(source, 'story.py')]
}

/** `go.mod` and its package. */
export async function go({ source, cache }: Folders): Promise<readonly string[]> {
  const program = join(cache, 'story')
  await runFile('go', ['build', '-o', program, '.'], { cwd: source, timeout: fetchMs })
  return [program]
}

/** `pom.xml` and `story.java`. */
export async function java({ source, cache }: Folders): Promise<readonly string[]> {
  const jars = join(cache, 'jars')
  const classes = join(cache, 'classes')
  const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${jars}`]
  const pom = join(source, 'pom.xml')
  await runFile('mvn', ['--batch-mode', '--quiet', '-f', pom, ...copy], { timeout: fetchMs })
  const compile = ['-cp', join(jars, '*'), '-d', classes, join(source, 'story.java')]
  await runFile('javac', compile, { timeout: fetchMs })
  return ['java', '-cp', `${classes}:${join(jars, '*')}`, 'Story']
}
