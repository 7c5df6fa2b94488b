/** Rules about words, syntax, names and comments. */

import {
  browserFolders,
  protocolWords,
  wordExceptions,
  worldlyFolders,
  worldlyGlobals,
} from './boundaries.ts'
import type { Token } from './source.ts'
import { codeOf, type Finding, isTest, type Source, type Tree, typescript } from './tree.ts'

export function noProtocolWords(tree: Tree): Finding[] {
  const words = new RegExp(`^(${protocolWords.join('|')})s?$`, 'i')
  return typescript(tree, 'src/engine', 'src/base').flatMap(file => {
    const excepted = wordExceptions.filter(exception => exception.path === file.path)
    return file.lines.flatMap((text, index) => {
      if (excepted.some(exception => text.includes(exception.text))) return []
      return wordsIn(text)
        .filter(word => words.test(word))
        .map(word => ({
          path: file.path,
          line: index + 1,
          message: `"${word}" is a protocol's word: use the engine's nouns (log, record, queue, group, lease, route, table), or move this to the protocol's folder.`,
        }))
    })
  })
}

/** `amqpProperties` and `AMQP_PROPERTIES` are two words each. */
function wordsIn(text: string): string[] {
  return text.replace(/([a-z0-9])([A-Z])/g, '$1 $2').match(/[A-Za-z]+/g) ?? []
}

export function noWorldlyGlobals(tree: Tree): Finding[] {
  return typescript(tree, 'src').flatMap(file => {
    if (isTest(file.path) || worldlyFolders.some(folder => file.path.startsWith(folder))) return []
    return globalsIn(file, worldlyGlobals, name => `${name} is the real world's`)
  })
}

export function noNodeNames(tree: Tree): Finding[] {
  const names = {
    Buffer: 'Uint8Array and base/bytes.ts',
    require: '`import`',
    __dirname: '`import.meta.url`',
    global: '`globalThis`',
  }
  return typescript(tree, 'src').flatMap(file => {
    if (isTest(file.path) || !browserFolders.some(folder => file.path.startsWith(folder))) return []
    return globalsIn(file, names, name => `${name} exists on Node only`)
  })
}

/** Uses of a global name: not a member, not a key, not a method of that name. */
function globalsIn(
  file: Source,
  names: { readonly [name: string]: string },
  complaint: (name: string) => string,
): Finding[] {
  const code = codeOf(file)
  return code.flatMap((token, index) => {
    if (token.kind !== 'word') return []
    const [before, after, afterNext] = [code[index - 1], code[index + 1], code[index + 2]]
    const name =
      token.text === 'Math' && after?.text === '.' ? `Math.${afterNext?.text}` : token.text
    if (!Object.hasOwn(names, name)) return []
    // `Date.UTC` computes, and asks nobody for the time.
    if (name === 'Date' && afterNext?.text === 'UTC') return []
    const member = before?.text === '.' && code[index - 2]?.text !== 'globalThis'
    if (member || after?.text === ':' || (name === 'process' && after?.text === '(')) return []
    const message = `${complaint(name)}: use ${names[name]}.`
    return [{ path: file.path, line: token.line, message }]
  })
}

export function noForbiddenSyntax(tree: Tree): Finding[] {
  return typescript(tree, 'src', 'tests', 'bench').flatMap(file => {
    const code = codeOf(file)
    return code.flatMap((token, index) => {
      const message = forbiddenSyntax(token, code[index - 1], code[index + 1], code[index + 2])
      return message === undefined ? [] : [{ path: file.path, line: token.line, message }]
    })
  })
}

function forbiddenSyntax(
  token: Token,
  before: Token | undefined,
  after: Token | undefined,
  afterNext: Token | undefined,
): string | undefined {
  if (token.kind === 'sign') {
    const decorates = token.text === '@' && after?.kind === 'word'
    return decorates ? 'No decorators: call a function.' : undefined
  }
  if (token.kind !== 'word' || before?.text === '.') return undefined
  if (token.text === 'default' && (before?.text === 'export' || before?.text === 'as')) {
    return 'No default exports: give it a name.'
  }
  const declares = after?.kind === 'word' && after.text !== 'as' && afterNext?.text === '{'
  if (token.text === 'enum' && declares)
    return 'No enums: a union of strings, or an `as const` table.'
  if (/^(namespace|module)$/.test(token.text) && declares) return 'No namespaces: a file is one.'
  return undefined
}

const emptyNames = /(^|[-/.])(utils?|helpers?|common|managers?|misc)([-/.]|$)/
const emptyClassNames = /(Utils?|Helpers?|Manager)$/

export function goodNames(tree: Tree): Finding[] {
  return tree.files.flatMap(file => [
    ...pathProblems(file.path).map(message => ({ path: file.path, line: 1, message })),
    ...codeOf(file).flatMap((token, index, code) => {
      const declares = /^(class|interface|type|function|const)$/.test(code[index - 1]?.text ?? '')
      if (!declares || !emptyClassNames.test(token.text)) return []
      const message = `${token.text} says nothing: name the thing that it is, or what it decides.`
      return [{ path: file.path, line: token.line, message }]
    }),
  ])
}

function pathProblems(path: string): string[] {
  if (!/^(src|tests|bench|examples|docs)\//.test(path)) return []
  const problems: string[] = []
  if (emptyNames.test(path)) {
    problems.push(
      'The name says nothing (utils, helpers, common, manager, misc): name the concept.',
    )
  }
  const folders = path.split('/')
  const name = folders.pop()!
  const kebab = /^[a-z0-9]+(-[a-z0-9]+)*$/
  const stem = name.replace(/^\./, '').replace(/(\.test)?\.[a-z0-9]+$/, '')
  const wellKnown = /^(README\.md|Dockerfile|Makefile)$/.test(name)
  if (!folders.every(folder => kebab.test(folder)) || (!kebab.test(stem) && !wellKnown)) {
    problems.push('Files and folders are named in kebab-case.')
  }
  return problems
}

const codeInComment = [
  /^(const|let|var) [\w{[][^.]*=/,
  /^(import|export) .*(from ['"]|\{$|\b(const|function|class) )/,
  /^(\} )?(if|for|while|switch|catch|else if) ?\(.*\) ?\{$/,
  /^(if|for|while|else if) ?\(.*[=<>!&|;.].*\) ?[\w.]+(\(.*\))?;?$/,
  /^(return|await|throw new) [\w.]+\(.*\)$/,
  /^(await )?[\w.]+\(.*\);?$/,
  /^[\w.[\]]+ [-+*/|&]?= .*;$/,
  /^(\}|\]|\))+[;,)]*( else \{)?$/,
]

export function noLeftovers(tree: Tree): Finding[] {
  return typescript(tree, 'src', 'tests', 'bench', 'examples').flatMap(file =>
    file.tokens
      .filter(token => token.kind === 'comment')
      .flatMap(token => {
        const report = (message: string) => [{ path: file.path, line: token.line, message }]
        if (/\b(TODO|FIXME|XXX|HACK)\b/.test(token.text)) {
          return report('No notes to oneself: do it now, or open an issue.')
        }
        // A docstring may hold an example.
        if (token.text.startsWith('/**')) return []
        const lines = token.text.replace(/^\/[/*]|\*\/$/g, '').split('\n')
        const code = lines.map(line => line.trim()).find(looksLikeCode)
        return code === undefined ? [] : report(`No code in comments; git remembers it: ${code}`)
      }),
  )
}

function looksLikeCode(line: string): boolean {
  // A sentence ends with a full stop, and may well hold a call.
  return line !== '' && !/[.:,?!]$/.test(line) && codeInComment.some(shape => shape.test(line))
}

export function opensWithComment(tree: Tree): Finding[] {
  return typescript(tree, 'src', 'tests', 'bench').flatMap(({ path, tokens }) => {
    if (isTest(path)) return []
    const first = tokens[0]
    const says = first?.kind === 'comment' && first.text.replace(/\W+/g, ' ').trim().includes(' ')
    if (says) return []
    const message = 'Begin the file with a comment: what it is, and what it does not do.'
    return [{ path, line: 1, message }]
  })
}
