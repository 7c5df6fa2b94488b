/**
 * What the conformance suite found on a backend, as it is kept in docs/compatibility/results and
 * printed in docs/compatibility/backends.md. A file is written by a run of all cases with
 * `--record NAME --server "its name and version"`, and says nothing about the machine.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Feature, PlanRow } from '../../src/client/client.ts'
import { type Bus, queue, rpc, topic } from '../../src/client/client.ts'
import type { Outcome } from '../../src/conformance/conformance.ts'

const folder = 'docs/compatibility/results'

/** The rows of the table. Whoever records under another name adds it here. */
export const recordable = [
  'embedded-memory',
  'embedded-file',
  'spillway-amqp',
  'spillway-kafka',
  'spillway-sqs',
  'spillway-redis',
  'rabbitmq',
  'kafka',
  'elasticmq',
  'redis',
] as const

export type RowName = (typeof recordable)[number]

export type Plan = { readonly [feature in Feature]?: string }

export interface Results {
  readonly server: string
  readonly date: string
  /** Of Spillway's repository; with a `+` when there were changes that it does not have. */
  readonly commit: string | undefined
  /** The shortest wait that the backend was asked to tell from none. */
  readonly unitMs: number
  readonly passed: number
  readonly skipped: readonly { readonly name: string; readonly reason: string }[]
  readonly failed: readonly string[]
  /** What `bus.plan` said then, feature by feature. */
  readonly plan: Plan
}

export type Verdict = Outcome | { readonly kind: 'failed' }

/** Collects the verdicts of one run. */
export class Recording {
  readonly #verdicts: { readonly name: string; readonly verdict: Verdict }[] = []

  add(name: string, verdict: Verdict): void {
    this.#verdicts.push({ name, verdict })
  }

  count(kind: Verdict['kind']): number {
    return this.#verdicts.filter(({ verdict }) => verdict.kind === kind).length
  }

  results(about: Omit<Results, 'passed' | 'skipped' | 'failed'>): Results {
    const sorted = this.#verdicts.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    const skipped = sorted.flatMap(({ name, verdict }) =>
      verdict.kind === 'skipped' ? [{ name, reason: plainReason(verdict.reason) }] : [],
    )
    const failed = sorted.flatMap(({ name, verdict }) => (verdict.kind === 'failed' ? [name] : []))
    const { server, date, commit, unitMs, plan } = about
    return { server, date, commit, unitMs, passed: this.count('passed'), skipped, failed, plan }
  }
}

/** Two runs of one backend give the same words: names of one run are no part of a reason. */
function plainReason(reason: string): string {
  return reason.replaceAll(/\bc[0-9a-z]+-\d+-\d+\b/g, 'NAME')
}

export function readResults(name: RowName): Results | undefined {
  const file = `${folder}/${name}.json`
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : undefined
}

export function isRecordable(name: string): name is RowName {
  return recordable.some(known => known === name)
}

export function writeResults(name: RowName, results: Results): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/${name}.json`, `${JSON.stringify(results, null, 2)}\n`)
}

/** A queue says it for queues, a topic for topics: the same words, or both. */
export async function planOf(bus: Bus): Promise<Plan> {
  const found: { [feature in Feature]?: string } = {}
  // Only a queue with keys shows what keys forbid.
  const keyedQueue = queue<{ k: string }>('k', { key: ({ k }) => k })
  const plain = await bus.plan(queue('q'), topic('t'), rpc('r'))
  for (const row of plain) if (isSupport(row)) found[row.feature] ??= cellOf(row)
  for (const row of await bus.plan(keyedQueue)) {
    const known = found[row.feature]
    if (row.how !== 'impossible' || known === undefined || known.startsWith(row.how)) continue
    found[row.feature] = `${known}; ${row.how} on queues with keys`
  }
  return found
}

function isSupport({ how }: PlanRow): boolean {
  return how === 'native' || how === 'emulated' || how === 'impossible'
}

function cellOf({ how, why }: PlanRow): string {
  return how === 'native' || why === '' ? how : `${how}: ${why}`
}
