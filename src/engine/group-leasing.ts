/**
 * Records of a log that a group has in hand: leased from its cursor on, or again after they were
 * given back. As with queues, leases are journaled lazily; a settlement waits for the disk.
 */

import type { Core } from './core.ts'
import { done, type Outcome, refused } from './errors.ts'
import { rangesOf, writePositions } from './journal/effects.ts'
import { kinds } from './journal/format.ts'
import { once } from './lease-target.ts'
import type { Delivery, Settlement } from './model.ts'
import type { Group } from './state/group.ts'
import type { Log } from './state/log.ts'

export function leaseForGroup(
  core: Core,
  log: Log,
  group: Group,
  options: { holder: string; countMax: number; leaseMs?: number; settled?: boolean },
): Delivery[] {
  const { journal, state } = core
  const now = core.now
  const b = options.leaseMs === undefined ? Infinity : now + options.leaseMs
  const deliveries: Delivery[] = []
  const positions: number[] = []
  log.traffic.usedAt = core.ports.clock.monotonic()
  while (deliveries.length < options.countMax) {
    const returned = group.returned.min()
    const position = returned >= 0 ? returned : log.index.nextAtOrAfter(group.cursor)
    if (position < 0) break
    const pending = group.lease(position, options.holder, now, b)
    deliveries.push({ record: state.record(log, position), attempts: pending.attempts })
    positions.push(position)
  }
  if (positions.length === 0) return deliveries
  const ranges = rangesOf(positions)
  journal.beginBatch()
  const rest = { a: now, b, holder: options.holder, group: group.name }
  writePositions(journal, kinds.lease, log.id, ranges, 'lazy', rest)
  if (options.settled === true) {
    for (const position of positions) group.settle(position)
    writePositions(journal, kinds.settle, log.id, ranges, 'gated', { group: group.name })
  }
  journal.endBatch()
  core.touch(log)
  return deliveries
}

export function settleForGroup(
  core: Core,
  log: Log,
  group: Group,
  holder: string,
  given: readonly number[],
  settlement: Settlement,
): Outcome<undefined> {
  const positions = once(given)
  for (const position of positions) {
    const pending = group.pending.get(position)
    if (pending === undefined || (holder !== '' && pending.holder !== holder)) {
      return refused('not-leased', `${log.name} at ${position} is not pending for ${holder}`)
    }
  }
  if (positions.length === 0) return done(undefined)
  const { journal } = core
  const ranges = rangesOf(positions)
  core.touch(log)
  if (settlement.kind === 'return') {
    const counted = settlement.counted !== false
    writePositions(journal, kinds.return, log.id, ranges, 'lazy', {
      group: group.name,
      flag: !counted,
    })
    for (const position of positions) group.giveBack(position, counted)
  } else {
    writePositions(journal, kinds.settle, log.id, ranges, 'gated', { group: group.name })
    for (const position of positions) group.settle(position)
  }
  return done(undefined)
}

/** Leases that have run out are given back. */
export function giveBackLapsed(core: Core, log: Log, group: Group, now: number): void {
  const lapsed = new Set<number>()
  while (group.nextDeadline() <= now) {
    const position = group.deadlines.pop()!
    if ((group.pending.get(position)?.deadline ?? Infinity) <= now) lapsed.add(position)
  }
  if (lapsed.size === 0) return
  const positions = [...lapsed].sort((left, right) => left - right)
  const rest = { group: group.name }
  writePositions(core.journal, kinds.return, log.id, rangesOf(positions), 'lazy', rest)
  for (const position of positions) group.giveBack(position, true)
}
