/** A B A B …: each case of a question on each broker in turn, and the table that comes of it. */

import type { RunningBroker } from '../tests/harness/broker.ts'
import { formatNumber, formatTable, summarise } from '../tests/harness/statistics.ts'
import type { AloneQuestion, Figure, Measurement, Question } from './question.ts'
import { settleDisk } from './settled-disk.ts'

/** The raw figures of one figure of one case. */
export interface Series {
  readonly question: string
  readonly case: string
  readonly figure: Figure
  /** By broker, in the order of the runs. */
  readonly values: { [broker: string]: number[] }
  readonly loadShares: { [broker: string]: number[] }
}

export interface AlternateOptions {
  readonly runs: number
  readonly quick: boolean
  readonly brokers: readonly RunningBroker[]
  /** Only cases whose name contains this. */
  readonly words: string
}

/** One case, and how it is measured on each subject. */
interface Contest {
  readonly name: string
  readonly figures: readonly Figure[]
  readonly subjects: readonly { readonly name: string; measure(): Promise<Measurement> }[]
}

export async function alternate(
  question: Question | AloneQuestion,
  options: AlternateOptions,
): Promise<Series[]> {
  const all: Series[] = []
  const contests = contestsOf(question, options)
  for (const contest of contests.filter(({ name }) => name.includes(options.words))) {
    const { name, figures, subjects } = contest
    const series: Series[] = figures.map(figure => ({
      question: question.name,
      case: name,
      figure,
      values: {},
      loadShares: {},
    }))
    for (let run = 0; run < options.runs; run++) {
      for (const subject of subjects) {
        await settleDisk()
        note(series, subject.name, await subject.measure())
      }
      progress(`${question.name}: ${name}: run ${run + 1} of ${options.runs}`)
    }
    all.push(...series)
  }
  progress('')
  return all
}

function contestsOf(question: Question | AloneQuestion, options: AlternateOptions): Contest[] {
  if ('aloneCases' in question) {
    return question.aloneCases(options).map(({ name, figures, measure }) => ({
      name,
      figures,
      subjects: [{ name: 'Spillway', measure }],
    }))
  }
  return question.cases(options).map(each => ({
    name: each.name,
    figures: each.figures,
    subjects: options.brokers.map(broker => ({
      name: broker.name,
      measure: () => each.measure(broker),
    })),
  }))
}

function note(series: Series[], name: string, { values, loadShare }: Measurement): void {
  series.forEach((one, index) => {
    one.values[name] ??= []
    one.values[name]?.push(values[index] ?? Number.NaN)
    one.loadShares[name] ??= []
    if (loadShare !== undefined) one.loadShares[name]?.push(loadShare)
  })
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

/** Median, spread, the generator's share, and the ratio of the last broker to the first. */
export function formatSeries(all: readonly Series[], names: readonly string[]): string {
  const [peer, ours] = names
  const head = ['case', 'figure', ...names.flatMap(name => [name, 'spread', 'load cpu'])]
  if (ours !== undefined) head.push(`${ours} / ${peer}`)
  const rows = all.map(series => {
    const cells = names.flatMap(name => cellsOf(series, name))
    const row = [series.case, `${series.figure.name}, ${series.figure.unit}`, ...cells]
    if (peer !== undefined && ours !== undefined) row.push(ratio(series, ours, peer))
    return row
  })
  return formatTable(head, rows)
}

function cellsOf(series: Series, name: string): string[] {
  const { median, min, max } = summarise(series.values[name] ?? [])
  const share = summarise(series.loadShares[name] ?? []).median
  return [
    formatNumber(median),
    `${formatNumber(min)} to ${formatNumber(max)}`,
    Number.isFinite(share) ? `${Math.round(share * 100)} %` : '',
  ]
}

function ratio(series: Series, ours: string, peer: string): string {
  const value =
    summarise(series.values[ours] ?? []).median / summarise(series.values[peer] ?? []).median
  return Number.isFinite(value) ? `${value.toFixed(2)} ×` : 'n/a'
}
