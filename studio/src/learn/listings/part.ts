/** A stretch of a listing. */

import type { CodeLine } from '../../ui/code-block.tsx'

/** The stretch of a file that begins with `start`, and has `name` in one of its first lines. */
export function partOf(
  lines: readonly CodeLine[],
  start: string,
  name: string,
): readonly CodeLine[] {
  const texts = lines.map(line => line.map(([, text]) => text).join(''))
  const at = texts.findIndex(
    (text, index) => text.startsWith(start) && texts[index + 1]?.includes(name),
  )
  const end = texts.findIndex((text, index) => index > at && /^ {2}\}?\),$/.test(text))
  return lines.slice(at, end + 1)
}
