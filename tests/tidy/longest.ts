/**
 * The longest files and functions of `src`. Length is no fault in itself, so this only prints. The
 * text is formatted, so a function ends with the first closing brace at its own indentation.
 */

import { isTest, type Tree } from './tree.ts'

export interface Length {
  readonly what: string
  readonly lines: number
}

export function longestFiles(tree: Tree, count: number): Length[] {
  return sources(tree)
    .map(file => ({ what: file.path, lines: file.lines.length - 1 }))
    .sort((left, right) => right.lines - left.lines)
    .slice(0, count)
}

export function longestFunctions(tree: Tree, count: number): Length[] {
  return sources(tree)
    .flatMap(({ path, lines }) =>
      lines.flatMap((line, index) => {
        const name = functionName(line)
        if (name === undefined) return []
        const indent = line.slice(0, line.length - line.trimStart().length)
        // A signature of several lines ends with a brace, a call does not.
        const closing = lines.find((text, at) => at > index && text.startsWith(`${indent})`))
        if (line.endsWith('(') && closing?.endsWith('{') !== true) return []
        const end = lines.findIndex((text, at) => at > index && endsBlock(text, indent))
        return [{ what: `${path}:${index + 1} ${name}`, lines: end - index + 1 }]
      }),
    )
    .sort((left, right) => right.lines - left.lines)
    .slice(0, count)
}

function sources(tree: Tree) {
  return tree.files.filter(({ path }) => /^src\/.*\.ts$/.test(path) && !isTest(path))
}

const declarations = [
  /^\s*(?:export )?(?:async )?function\*? (\w+)/,
  /^\s*(?:export )?const (\w+) = .*=> \{$/,
  /^\s+(?:static |async |get |set |override |\*)*(#?\w+)(?:<[^(]*>)?\((?:[^)]*\).* \{)?$/,
]

function functionName(line: string): string | undefined {
  if (/^\s*(if|for|while|switch|catch|return|throw)\b/.test(line)) return undefined
  for (const shape of declarations) {
    const name = shape.exec(line)?.[1]
    if (name !== undefined) return name
  }
  return undefined
}

function endsBlock(line: string, indent: string): boolean {
  return line.startsWith(`${indent}}`) && /^\}[),;]*$/.test(line.slice(indent.length))
}
