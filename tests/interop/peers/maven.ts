/** Java programs and all that they need, from Maven Central, in a folder of their own. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryFolder } from '../../harness/broker.ts'

export interface Artifact {
  readonly group: string
  readonly name: string
  readonly version: string
}

/** Where the jars are, once they have been fetched. */
export function jarsFolder(name: string): string {
  return join(repositoryFolder(), '.cache', name)
}

/** Downloads the jars unless they are there. Returns why they are missing, or undefined. */
export function fetchJars(name: string, artifacts: readonly Artifact[]): string | undefined {
  const folder = jarsFolder(name)
  if (existsSync(folder) && readdirSync(folder).includes('done')) return undefined
  try {
    execFileSync('java', ['-version'], { stdio: 'ignore' })
  } catch {
    return 'there is no java'
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'pom.xml'), pomOf(artifacts))
  try {
    const copy = ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${folder}`]
    execFileSync('mvn', copy, { cwd: folder, stdio: 'ignore' })
  } catch (error) {
    return `${name} cannot be fetched with mvn: ${(error as Error).message}`
  }
  writeFileSync(join(folder, 'done'), '')
  return undefined
}

function pomOf(artifacts: readonly Artifact[]): string {
  const dependencies = artifacts.map(
    ({ group, name, version }) =>
      `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`,
  )
  return `<project><modelVersion>4.0.0</modelVersion>
<groupId>peer</groupId><artifactId>peer</artifactId><version>1</version>
<dependencies>${dependencies.join('')}</dependencies></project>`
}
