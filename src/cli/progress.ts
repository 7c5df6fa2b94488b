/**
 * How far something is: on a terminal a bar with rate and time left, from the second second on;
 * elsewhere a line now and then. What it says goes to standard error.
 */

import type { Output } from './output.ts'

export interface Progress {
  update(count: number): void
  /** Takes the bar away. */
  end(): void
}

const afterMs = 2000
const barEveryMs = 100
const lineEveryMs = 10_000
const barWidth = 24

/** `total` is undefined where nobody knows how much there is. */
export function progress(
  output: Output,
  { label, total }: { readonly label: string; readonly total: number | undefined },
): Progress {
  const startedAt = performance.now()
  let shownAt = output.isTerminal ? startedAt + afterMs - barEveryMs : startedAt
  let isShown = false
  return {
    update: count => {
      const now = performance.now()
      if (now - shownAt < (output.isTerminal ? barEveryMs : lineEveryMs)) return
      shownAt = now
      const line = progressLine({ label, count, total, elapsedMs: now - startedAt })
      if (output.isTerminal) {
        isShown = true
        output.status(line)
      } else {
        output.note(line)
      }
    },
    end: () => {
      if (isShown) output.status('')
    },
  }
}

/** `sent  ██████░░░░░░  50%  5,000 of 10,000  1,234/s  4 s left`. */
export function progressLine(state: {
  readonly label: string
  readonly count: number
  readonly total: number | undefined
  readonly elapsedMs: number
}): string {
  const { label, count, total, elapsedMs } = state
  const rate = elapsedMs === 0 ? 0 : (count * 1000) / elapsedMs
  const speed = `${wholeNumber(rate)}/s`
  if (total === undefined || total === 0) return `${label}  ${wholeNumber(count)}  ${speed}`
  const part = Math.min(1, count / total)
  const full = Math.round(part * barWidth)
  const bar = '█'.repeat(full) + '░'.repeat(barWidth - full)
  const left = rate === 0 ? '' : `  ${duration((total - count) / rate)} left`
  const counts = `${wholeNumber(count)} of ${wholeNumber(total)}`
  return `${label}  ${bar}  ${Math.floor(part * 100)}%  ${counts}  ${speed}${left}`
}

export function wholeNumber(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  return `${minutes} min ${Math.ceil(seconds - minutes * 60)} s`
}
