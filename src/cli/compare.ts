/**
 * `spillway compare [MODULE] --url A --url B`: what two backends do for the same contracts, and how
 * they measure, side by side. One is measured after the other.
 */

import { type AnyContract, type PlanRow, queue, rpc, topic } from '../client/client.ts'
import { explanation, type FigureRow, figureRows, hidePassword, loadOf, measured } from './bench.ts'
import { withBus } from './bus.ts'
import { exitCodes, usageFailure } from './failure.ts'
import type { Command } from './main.ts'
import { type Column, table } from './output.ts'
import { contractsOf } from './plan-contracts.ts'

export const compare: Command = async ({ settings, words, urls, output }) => {
  const [path, rest] = words
  if (rest !== undefined) throw usageFailure(`compare takes one module; “${rest}” is too much.`)
  const [first, second, third] = urls
  if (first === undefined || second === undefined || third !== undefined) {
    throw usageFailure('compare needs two backends: --url A --url B.')
  }
  const pair = [first, second] as const
  const contracts = path === undefined ? usual : await contractsOf(path)
  const plans: PlanRow[][] = []
  for (const url of pair) plans.push(await withBus(url, {}, bus => bus.plan(...contracts)))
  const rows = joined(plans, { all: settings.all })
  if (settings.json) for (const row of rows) output.json(row)
  else if (rows.length === 0) output.data(sameText(contracts))
  else for (const line of table(planColumns(pair), rows)) output.data(line)
  if (settings.planOnly) return exitCodes.ok

  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const load = loadOf(settings)
  const runs = []
  for (const url of pair) {
    const run = await measured(url, load, output, stop.signal)
    if (run === undefined) return exitCodes.interrupted
    runs.push(run)
  }
  if (settings.json) {
    for (const [at, run] of runs.entries()) {
      output.json({ url: hidePassword(pair[at]!), load, ...run })
    }
    return exitCodes.ok
  }
  output.data('')
  const figures = figureRows(runs.map(run => run.figures))
  for (const line of table(figureColumns(pair), figures)) output.data(line)
  output.note('')
  for (const line of explanation(load)) output.note(line)
  for (const [at, { cautions }] of runs.entries()) {
    for (const line of cautions) output.note(`note: ${hidePassword(pair[at]!)}: ${line}`)
  }
  return exitCodes.ok
}

/** What most applications ask for, where no module says it. */
const usual: readonly AnyContract[] = [
  queue('queue'),
  queue<{ readonly key: string }>('queue-by-key', { key: ({ key }) => key }),
  queue<{ readonly id: string }>('queue-without-duplicates', {
    dedupe: { id: ({ id }) => id, window: '10m' },
  }),
  topic('topic'),
  rpc('rpc'),
]

function sameText(contracts: readonly AnyContract[]): string {
  const names = contracts.map(({ name }) => name).join(', ')
  return `both do the same for ${names}`
}

interface Joined {
  readonly contract: string
  readonly feature: string
  readonly answers: readonly string[]
}

/** One row for each contract and feature; those on which both agree are left out without `all`. */
function joined(plans: readonly PlanRow[][], { all }: { readonly all: boolean }): Joined[] {
  const rows = new Map<string, { contract: string; feature: string; answers: string[] }>()
  for (const [at, plan] of plans.entries()) {
    for (const { contract, feature, how, why } of plan) {
      if (how === 'ignored') continue
      const place = `${contract} ${feature}`
      const row = rows.get(place) ?? { contract, feature, answers: plans.map(() => '') }
      rows.set(place, row)
      const answer = how === 'native' ? 'native' : `${how}: ${why}`
      row.answers[at] = [row.answers[at]!, answer].filter(text => text !== '').join('; ')
    }
  }
  const differing = [...rows.values()].filter(({ answers }) => all || answers[0] !== answers[1])
  if (all) return differing
  // What differs in the same way for several contracts is said once.
  const said = new Set<string>()
  return differing.filter(({ feature, answers }) => {
    const text = `${feature} ${answers.join(' ')}`
    if (said.has(text)) return false
    said.add(text)
    return true
  })
}

function planColumns(urls: readonly string[]): Column<Joined>[] {
  return [
    { title: 'CONTRACT', cell: ({ contract }) => contract },
    { title: 'FEATURE', cell: ({ feature }) => feature },
    ...urls.map((url, at) => ({
      title: hidePassword(url),
      cell: ({ answers }: Joined) => answers[at]!,
    })),
  ]
}

function figureColumns(urls: readonly string[]): Column<FigureRow>[] {
  return [
    { title: 'WHAT', cell: ({ what }) => what },
    ...urls.map((url, at) => ({
      title: hidePassword(url),
      align: 'right' as const,
      cell: ({ cells }: FigureRow) => cells[at]!,
    })),
  ]
}
