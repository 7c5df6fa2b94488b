/**
 * What commands say: data on standard output, everything else on standard error. Colour only on a
 * terminal, and as NO_COLOR and FORCE_COLOR ask.
 */

import { inspect } from 'node:util'

export interface Output {
  /** Data, with a line end. */
  data(line: string): void
  /** One line of NDJSON. */
  json(value: unknown): void
  /** For people; nothing with `--quiet`. */
  note(line: string): void
  /** One line that takes the place of the one before, on a terminal; '' takes it away. */
  status(line: string): void
  /** For people, always. */
  error(line: string): void
  paint(style: Style, text: string): string
  readonly isTerminal: boolean
  readonly columns: number
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

export function standardOutput(quiet: boolean): Output {
  const { stdout, stderr, env } = process
  const isTerminal = stderr.isTTY === true
  const forced = env['FORCE_COLOR']
  const colours =
    forced !== undefined && forced !== '' ? forced !== '0' : isTerminal && !env['NO_COLOR']
  return {
    data: line => void stdout.write(`${line}\n`),
    json: value => void stdout.write(`${JSON.stringify(value)}\n`),
    note: line => {
      if (!quiet) stderr.write(`${line}\n`)
    },
    status: line => {
      if (!quiet && isTerminal) stderr.write(`\r\u001b[K${line}`)
    },
    error: line => void stderr.write(`${line}\n`),
    paint: (style, text) => {
      if (!colours) return text
      const [open, close] = inspect.colors[style === 'dim' ? 'gray' : style]!
      return `\u001b[${open}m${text}\u001b[${close}m`
    },
    isTerminal,
    columns: stdout.columns ?? 120,
  }
}

export interface Column<Row> {
  readonly title: string
  readonly align?: 'left' | 'right'
  cell(row: Row): string
}

/** Columns as wide as their longest cell, two spaces apart; no trailing spaces. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  const cells = rows.map(row => columns.map(column => column.cell(row)))
  const widths = columns.map(({ title }, index) =>
    cells.reduce((widest, row) => Math.max(widest, row[index]!.length), title.length),
  )
  const print = (row: readonly string[]): string =>
    row
      .map((cell, index) =>
        columns[index]!.align === 'right'
          ? cell.padStart(widths[index]!)
          : cell.padEnd(widths[index]!),
      )
      .join('  ')
      .trimEnd()
  return [print(columns.map(column => column.title)), ...cells.map(print)]
}

/** One line of at most `length` characters; control characters are shown as escapes. */
export function oneLine(text: string, length: number): string {
  let line = ''
  for (const character of text) {
    const code = character.codePointAt(0)!
    const visible =
      code >= 0x20 && code !== 0x7f && !(code >= 0x80 && code < 0xa0)
        ? character
        : JSON.stringify(character).slice(1, -1)
    if (line.length + visible.length > length) return `${line.slice(0, length - 1)}…`
    line += visible
  }
  return line
}
