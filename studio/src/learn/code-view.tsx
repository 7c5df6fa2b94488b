/**
 * The same scenario as a program, for each backend. A listing is a file that the tests run; a knob
 * that is turned replaces a value in it, and marks the line.
 */

import { signal } from '@preact/signals'
import { remember, remembered } from '../theme.ts'
import { CodeBlock, type CodeLine } from '../ui/code-block.tsx'
import { Tabs } from '../ui/tabs.tsx'
import type { Player } from './player.ts'

interface Edit {
  readonly after: string
  readonly scale?: number
  readonly plus?: number
  readonly max?: number
}

export interface Listing {
  readonly id: string
  readonly title: string
  readonly file: string
  readonly lines: readonly CodeLine[]
  /** Where a knob's value stands: the text before it on its line; changed where units differ. */
  readonly knobs?: { readonly [knob: string]: Edit }
  /** A knob that changes no value: lines with this text are marked when it is turned. */
  readonly marks?: { readonly [knob: string]: string }
}

export type CodeSet = readonly Listing[]

const backend = signal(remembered('backend') ?? '')

export function CodeView(props: { readonly code: CodeSet; readonly player?: Player }) {
  const { code, player } = props
  player?.tick.value
  const chosen = code.find(({ id }) => id === backend.value) ?? code[0]!
  const { lines, edited } =
    player === undefined
      ? { lines: chosen.lines, edited: new Set<number>() }
      : editedBy(chosen, player.run.knobs, player.moved.value)
  return (
    <>
      {code.length > 1 && (
        <Tabs
          label="Backend"
          tabs={code.map(({ id, title }) => [id, title])}
          chosen={chosen.id}
          onChoose={id => {
            backend.value = id
            remember('backend', id)
          }}
        />
      )}
      <CodeBlock title={chosen.file} lines={lines} edited={edited} />
    </>
  )
}

function editedBy(
  listing: Listing,
  knobs: { readonly [name: string]: number },
  moved: string | undefined,
) {
  const lines = [...listing.lines]
  const edited = new Set<number>()
  for (const [knob, { after, scale = 1, plus = 0, max = Infinity }] of Object.entries(
    listing.knobs ?? {},
  )) {
    const value = knobs[knob]
    if (value === undefined) continue
    for (const [index, line] of lines.entries()) {
      const at = line
        .map(([, text]) => text)
        .join('')
        .indexOf(after)
      if (at < 0) continue
      const shown = Math.min(max, Math.round(value * scale + plus))
      lines[index] = replaceNumber(line, at + after.length, String(shown))
      if (knob === moved) edited.add(index)
    }
  }
  const mark = moved === undefined ? undefined : listing.marks?.[moved]
  if (mark !== undefined) {
    for (const [index, line] of lines.entries()) {
      if (line.some(([, text]) => text.includes(mark))) edited.add(index)
    }
  }
  return { lines, edited }
}

/** Replaces the first number at or after a column. */
function replaceNumber(line: CodeLine, from: number, value: string): CodeLine {
  let column = 0
  let isDone = false
  return line.map(([kind, text]) => {
    const start = column
    column += text.length
    if (isDone || column <= from) return [kind, text]
    const skip = Math.max(0, from - start)
    const match = /\d[\d_]*/.exec(text.slice(skip))
    if (match === null) return [kind, text]
    isDone = true
    const at = skip + match.index
    return [kind, text.slice(0, at) + value + text.slice(at + match[0].length)]
  })
}
