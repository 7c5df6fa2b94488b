/**
 * `spillway bench --url URL`: what a backend does through the client, from this machine; and what
 * the figures stand for, which depends on what the backend promises.
 */

import { queue } from '../client/client.ts'
import { withBus } from './bus.ts'
import { exitCodes, usageFailure } from './failure.ts'
import type { Command } from './main.ts'
import { type Figures, type Load, measure, type Percentiles } from './measuring.ts'
import type { Settings } from './options.ts'
import { type Column, type Output, table } from './output.ts'
import { progress, wholeNumber } from './progress.ts'

export const bench: Command = async ({ settings, words, output }) => {
  if (words.length > 0) throw usageFailure(`bench takes no “${words[0]}”, only options.`)
  const load = loadOf(settings)
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const run = await measured(settings.url, load, output, stop.signal)
  if (run === undefined) return exitCodes.interrupted
  if (settings.json) output.json({ url: hidePassword(settings.url), load, ...run })
  else {
    for (const line of table(columns, figureRows([run.figures]))) output.data(line)
    output.note('')
    for (const line of explanation(load)) output.note(line)
    for (const line of run.cautions) output.note(`note: ${line}`)
  }
  return exitCodes.ok
}

export function loadOf({ count = 10_000, size, inFlight, concurrency }: Settings): Load {
  return { count, size, inFlight, concurrency }
}

export interface Run {
  readonly backend: string
  readonly figures: Figures
  /** What the backend says of its promises, as it is set up. */
  readonly cautions: readonly string[]
}

/** Undefined when it was interrupted. */
export async function measured(
  url: string,
  load: Load,
  output: Output,
  signal: AbortSignal,
): Promise<Run | undefined> {
  try {
    return await withBus(url, {}, async bus => {
      const total = { send: load.count, consume: load.count, latency: Math.min(500, load.count) }
      let phase: keyof typeof total | undefined
      let bar = progress(output, { label: 'warming up', total: undefined })
      const figures = await measure(bus, load, {
        signal,
        onProgress: (current, count) => {
          if (current !== phase) {
            bar.end()
            phase = current
            bar = progress(output, { label: current, total: total[current] })
          }
          bar.update(count)
        },
      }).finally(() => bar.end())
      return { backend: bus.backend, figures, cautions: await cautionsOf(bus) }
    })
  } catch (error) {
    if (signal.aborted) return undefined
    throw error
  }
}

async function cautionsOf(bus: Parameters<Parameters<typeof withBus>[2]>[0]): Promise<string[]> {
  const plain = queue('spillway-bench', { dlq: false })
  const rows = await bus.plan(plain)
  return rows
    .filter(({ used, how }) => used && (how === 'caution' || how === 'emulated'))
    .map(({ feature, how, why }) => `${feature} (${how}): ${why}`)
}

export interface FigureRow {
  readonly what: string
  readonly cells: readonly string[]
}

/** A row for each figure, with a cell for each run. */
export function figureRows(figures: readonly Figures[]): FigureRow[] {
  const row = (what: string, cell: (one: Figures) => string): FigureRow => ({
    what,
    cells: figures.map(cell),
  })
  const times = (what: string, of: (one: Figures) => Percentiles): FigureRow[] =>
    (['p50', 'p99', 'max'] as const).map(name =>
      row(`${what}, ${name}`, one => `${of(one)[name].toFixed(2)} ms`),
    )
  return [
    row('sends', one => `${wholeNumber(one.sendsPerSecond)}/s`),
    ...times('confirm', one => one.confirmMs),
    row('consumes', one => `${wholeNumber(one.consumesPerSecond)}/s`),
    ...times('latency', one => one.latencyMs),
    row('handled twice', one => wholeNumber(one.duplicates)),
  ]
}

const columns: readonly Column<FigureRow>[] = [
  { title: 'WHAT', cell: ({ what }) => what },
  { title: 'FIGURE', align: 'right', cell: ({ cells }) => cells[0]! },
]

/** What was measured, so that nobody reads more into it. */
export function explanation({ count, size, inFlight, concurrency }: Load): string[] {
  const many = wholeNumber(count)
  return [
    `sends: ${many} messages of ${size} bytes, ${inFlight} on their way at a time, each confirmed alone`,
    `consumes: the same messages, ${concurrency} handlers that do nothing, each message acknowledged`,
    'latency: one message at a time, from before its send to the begin of its handler',
    'One process of this machine sent and handled everything; with the broker on the same machine,',
    'they share its processors and its disk. Compare figures of one machine and one moment only.',
  ]
}

export function hidePassword(url: string): string {
  return url.replace(/\/\/([^:@/]*):[^@/]*@/, '//$1:…@')
}
