/**
 * Cuts TypeScript text into tokens, as far as the tidy rules need it: comments, strings, words and
 * signs, each with its line. It does not parse: rules look at neighbours. Biome has formatted the
 * text, and the compiler has accepted it, so it may be taken to be well formed.
 */

export type TokenKind = 'comment' | 'string' | 'regex' | 'word' | 'number' | 'sign'

export interface Token {
  readonly kind: TokenKind
  readonly text: string
  readonly start: number
  /** Line of its first character, from 1. */
  readonly line: number
}

export interface Import {
  readonly specifier: string
  readonly line: number
  /** `import type` and `export type`: gone when the program runs. */
  readonly typeOnly: boolean
  /** `export … from`, and `*` when it passes on everything. */
  readonly reexport: 'none' | 'named' | '*'
}

/** Every token, in order. The parts of a template are strings; what is in its holes is not. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  /** For each open template hole: how many braces are open inside it. */
  const holes: number[] = []
  let at = text.startsWith('#!') ? lineEnd(text, 0) : 0
  let line = 1
  let counted = 0

  const push = (kind: TokenKind, end: number): void => {
    for (; counted < at; counted++) if (text.charCodeAt(counted) === 10) line++
    tokens.push({ kind, text: text.slice(at, end), start: at, line })
    at = end
  }

  while (at < text.length) {
    const char = text[at]!
    const next = text[at + 1]
    if (/\s/.test(char)) at++
    else if (char === '/' && next === '/') push('comment', lineEnd(text, at))
    else if (char === '/' && next === '*') push('comment', endAfter(text, '*/', at + 2))
    else if (char === "'" || char === '"') push('string', quoteEnd(text, at))
    else if (char === '`') push('string', templateEnd(text, at + 1, holes))
    else if (char === '}' && holes.length > 0 && holes[holes.length - 1] === 0) {
      holes.pop()
      push('string', templateEnd(text, at + 1, holes))
    } else if (char === '/' && startsRegex(tokens)) push('regex', regexEnd(text, at))
    else if (/[A-Za-z_$#]/.test(char)) push('word', at + matchLength(/[\w$#]+/y, text, at))
    else if (/[0-9]/.test(char)) push('number', at + matchLength(/[\w.]+/y, text, at))
    else {
      const hole = holes.length - 1
      if (char === '{' && hole >= 0) holes[hole] = holes[hole]! + 1
      if (char === '}' && hole >= 0) holes[hole] = holes[hole]! - 1
      push('sign', at + (text.startsWith('=>', at) ? 2 : 1))
    }
  }
  return tokens
}

/** What the text imports or re-exports, `import('…')` included. */
export function importsOf(tokens: readonly Token[]): Import[] {
  const code = tokens.filter(token => token.kind !== 'comment')
  const found: Import[] = []
  code.forEach((token, index) => {
    if (token.kind !== 'string') return
    const before = code[index - 1]?.text
    const dynamic = before === '(' && code[index - 2]?.text === 'import'
    if (before !== 'from' && before !== 'import' && !dynamic) return
    const opening = before === 'from' ? openingOf(code, index - 2) : index - 1
    const next = code[opening + 1]?.text
    const exports = code[opening]?.text === 'export'
    found.push({
      specifier: token.text.slice(1, -1),
      line: token.line,
      typeOnly: before === 'from' && next === 'type',
      reexport: exports ? (next === '*' ? '*' : 'named') : 'none',
    })
  })
  return found
}

/** From the word before `from` back to the `import` or `export` that the statement opens with. */
function openingOf(code: readonly Token[], from: number): number {
  let index = from
  while (index > 0 && code[index]!.text !== 'import' && code[index]!.text !== 'export') index--
  return index
}

function startsRegex(tokens: readonly Token[]): boolean {
  const before = tokens.findLast(token => token.kind !== 'comment')
  if (before === undefined) return true
  if (before.kind === 'word') return /^(return|typeof|case|in|of|delete|void)$/.test(before.text)
  return before.kind === 'sign' && !/[)\]}]/.test(before.text)
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end
}

function endAfter(text: string, what: string, from: number): number {
  const end = text.indexOf(what, from)
  return end < 0 ? text.length : end + what.length
}

function quoteEnd(text: string, start: number): number {
  const quote = text[start]
  let at = start + 1
  while (at < text.length && text[at] !== quote) at += text[at] === '\\' ? 2 : 1
  return at + 1
}

/** To the end of the template, or past the `${` of its next hole. */
function templateEnd(text: string, from: number, holes: number[]): number {
  let at = from
  while (at < text.length && text[at] !== '`') {
    if (text[at] === '$' && text[at + 1] === '{') {
      holes.push(0)
      return at + 2
    }
    at += text[at] === '\\' ? 2 : 1
  }
  return at + 1
}

function regexEnd(text: string, start: number): number {
  let inClass = false
  let at = start + 1
  while (at < text.length && (inClass || text[at] !== '/')) {
    if (text[at] === '[') inClass = true
    if (text[at] === ']') inClass = false
    at += text[at] === '\\' ? 2 : 1
  }
  return at + 1 + matchLength(/[a-z]*/y, text, at + 1)
}

function matchLength(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0].length ?? 0
}
