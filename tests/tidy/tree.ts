/**
 * The files that the tidy rules look at: all text files of the repository that git tracks, or would
 * track. A tree can be made of strings, too, so that every rule can be shown to fail.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Import, importsOf, type Token, tokensOf } from './source.ts'

export interface Source {
  /** From the root of the repository, with `/`. */
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
  /** Empty unless it is TypeScript. */
  readonly tokens: readonly Token[]
  readonly imports: readonly Import[]
}

export interface Tree {
  readonly files: readonly Source[]
  /** Pictures and other files that no rule reads, by path. */
  readonly binaries: ReadonlySet<string>
  /** Undefined: there is no such file. */
  file(path: string): Source | undefined
}

export interface Finding {
  readonly path: string
  readonly line: number
  /** What is wrong, and what to do instead. */
  readonly message: string
}

export function treeOf(
  texts: { readonly [path: string]: string },
  binaries: ReadonlySet<string> = new Set(),
): Tree {
  const files = Object.entries(texts).map(([path, text]): Source => {
    const tokens = path.endsWith('.ts') ? tokensOf(text) : []
    return { path, text, lines: text.split('\n'), tokens, imports: importsOf(tokens) }
  })
  const byPath = new Map(files.map(file => [file.path, file]))
  return { files, binaries, file: path => byPath.get(path) }
}

/** The repository that this compiled file belongs to. */
export function repositoryRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}

export function readTree(root: string): Tree {
  const texts: { [path: string]: string } = {}
  const binaries = new Set<string>()
  for (const name of trackedNames(root) ?? namesBelow(root, '')) {
    if (!existsSync(join(root, name))) continue
    const text = readFileSync(join(root, name), 'utf8')
    if (text.includes('\0')) binaries.add(name)
    else texts[name] = text
  }
  return treeOf(texts, binaries)
}

/** Undefined where git does not answer: an unpacked archive, another user's folder. */
function trackedNames(root: string): string[] | undefined {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const result = spawnSync('git', list, { cwd: root, encoding: 'utf8' })
  return result.status === 0 ? result.stdout.split('\0').filter(name => name !== '') : undefined
}

function namesBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap(entry => {
    const name = posix.join(folder, entry.name)
    if (!entry.isDirectory()) return [name]
    return /^(node_modules|dist|spillway-data|\.cache|\.git)$/.test(name)
      ? []
      : namesBelow(root, name)
  })
}

/** The file in the tree that a relative import leads to; undefined for a package. */
export function targetOf(from: Source, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  return posix.normalize(posix.join(posix.dirname(from.path), specifier))
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts')
}

/** The TypeScript files below these folders. */
export function typescript(tree: Tree, ...folders: string[]): Source[] {
  return tree.files.filter(
    file => file.path.endsWith('.ts') && folders.some(folder => covers(folder, file.path)),
  )
}

/** The tokens that the compiler sees. */
export function codeOf(file: Source): Token[] {
  return file.tokens.filter(token => token.kind !== 'comment')
}

/** `folder` covers everything below it, `folder/*` its own files, `folder/x.ts` itself. */
export function covers(allowed: string, path: string): boolean {
  if (allowed.endsWith('/*')) return path.slice(0, path.lastIndexOf('/')) === allowed.slice(0, -2)
  return path === allowed || path.startsWith(`${allowed}/`)
}
