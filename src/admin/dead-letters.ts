/** Dead letters, grouped by where they died and why: a look at a bounded number of records. */

import type { StoredRecord } from '../engine/model.ts'
import { matcher, type SearchPlace } from './browse.ts'
import type { Catalogue } from './catalogue.ts'
import type { DeadLetters, DeadReason } from './contract.ts'
import { adminLimits } from './limits.ts'
import type { AdminPorts } from './ports.ts'
import { describe } from './views.ts'

export interface DeadFilter {
  readonly from: string | undefined
  readonly reason: string | undefined
  readonly search: string
}

const places: readonly SearchPlace[] = ['id', 'key', 'header', 'body']

/** Whether a dead letter is meant. */
export function deadMatcher(
  ports: AdminPorts,
  { from, reason, search }: DeadFilter,
): (record: StoredRecord) => boolean {
  const matches = matcher({ search, places })
  return record => {
    const [death] = record.deaths
    if (from !== undefined && death?.queue !== from) return false
    if (reason !== undefined && death?.reason !== reason) return false
    return search === '' || describe(ports, record).some(matches)
  }
}

/** Every queue that other queues send their dead letters to. */
export async function deadLetters(
  ports: AdminPorts,
  catalogue: Catalogue,
): Promise<readonly DeadLetters[]> {
  const all: DeadLetters[] = []
  for (const queue of [...catalogue.deadSources().keys()].sort()) {
    const found = await deadLettersOf(ports, queue)
    if (found !== undefined) all.push(found)
  }
  return all
}

export async function deadLettersOf(
  ports: AdminPorts,
  queue: string,
): Promise<DeadLetters | undefined> {
  const info = ports.engine.log(queue)
  if (info === undefined) return undefined
  const reasons = new Map<string, DeadReason>()
  let scanned = 0
  await scan(ports, queue, record => {
    scanned++
    const [death] = record.deaths
    const { queue: from, reason } = death ?? { queue: '', reason: 'unknown' }
    const at = death?.time ?? record.time
    const name = JSON.stringify([from, reason])
    const known = reasons.get(name)
    reasons.set(name, {
      from,
      reason,
      count: (known?.count ?? 0) + 1,
      oldestAt: Math.min(known?.oldestAt ?? at, at),
      newestAt: Math.max(known?.newestAt ?? at, at),
      sample: known?.sample ?? record.position,
    })
    return scanned < adminLimits.scanRecordsMax
  })
  const sorted = [...reasons.values()].sort((left, right) => right.count - left.count)
  return { queue, count: info.count, scanned, reasons: sorted }
}

/** Visits records, oldest first, a few in each turn, until `visit` says that it is enough. */
export async function scan(
  ports: AdminPorts,
  log: string,
  visit: (record: StoredRecord) => boolean,
): Promise<void> {
  const { engine, clock } = ports
  const bounds = { countMax: adminLimits.scanStepRecords, bytesMax: adminLimits.scanStepBytes }
  // What comes while we look is not waited for.
  const end = engine.log(log)?.next ?? 0
  let position = 0
  while (position < end) {
    const chunk = engine.read(log, { position }, bounds)
    if (!chunk.ok || chunk.value.length === 0) return
    for (const record of chunk.value) {
      if (record.position >= end || !visit(record)) return
      position = record.position + record.span
    }
    await new Promise<void>(resolve => clock.soon(resolve))
  }
}
