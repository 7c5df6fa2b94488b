/** The model's records on their way out, and what becomes of them. */

import type { LeaseTarget } from '../../src/engine/engine.ts'
import type { Settlement } from '../../src/engine/model.ts'
import {
  type Answer,
  inTurn,
  isExpired,
  levelOf,
  type Model,
  type ModelGroup,
  type ModelLog,
  type ModelRecord,
  type ModelSubscriber,
  mayBeNext,
  no,
  offered,
  queueOf,
  recordAt,
  yes,
} from './model.ts'
import { bury, dropHead, place, remove } from './model-storing.ts'
import type { SubscriberDraft } from './operations.ts'

/** What a hand-over looks like from outside. */
export interface Handed {
  readonly position: number
  readonly id: string
  readonly attempts: number
}

export interface Expected extends Handed {
  readonly holder: string
  /** Handed over for good. */
  readonly isSettled?: boolean
}

type Found = { readonly log: ModelLog; readonly group: ModelGroup | undefined }

export function find(model: Model, target: LeaseTarget): Answer<Found> {
  const log = model.logs.get(target.log)
  if (log === undefined) return no('not-found')
  if (target.group === undefined) {
    return log.config.queue === undefined ? no('wrong-kind') : yes({ log, group: undefined })
  }
  const group = log.groups.get(target.group)
  return group === undefined ? no('not-found') : yes({ log, group })
}

export function lease(
  model: Model,
  target: LeaseTarget,
  options: { holder: string; countMax: number; leaseMs: number | undefined; settled: boolean },
  now: number,
  /** Where several may be the next: which one was. */
  said: readonly number[] = [],
): Answer<Handed[]> {
  const found = find(model, target)
  if (!found.ok) return found
  const { log, group } = found.value
  if (group !== undefined) return yes(leaseForGroup(log, group, options, now))
  const leaseMs = options.leaseMs ?? queueOf(log).leaseMs
  const handed: Handed[] = []
  let last: Last | undefined
  while (handed.length < options.countMax) {
    const record = nextOf(log, last, now, said[handed.length])
    if (record === undefined) break
    if (!options.settled) last = lastOf(log, last, record)
    handed.push(hand(log, record, { ...options, leaseMs }, now))
  }
  return yes(handed)
}

/** The group that a request has got its last record of, and how far it may go on with it. */
interface Last {
  readonly group: string | undefined
  readonly before: number
}

/** As far as the first record of the group that was leased before, where prefixes count. */
function lastOf(log: ModelLog, last: Last | undefined, { group, position }: ModelRecord): Last {
  if (group !== undefined && group === last?.group) return last
  if (queueOf(log).ordering !== 'group-prefix') return { group, before: Infinity }
  const held = log.records.filter(
    other => other.group === group && other.state === 'leased' && other.position > position,
  )
  return { group, before: Math.min(...held.map(other => other.position)) }
}

/** A request that has got a record of a group may get the next ones of that group, too. */
function nextOf(
  log: ModelLog,
  last: Last | undefined,
  now: number,
  said: number | undefined,
): ModelRecord | undefined {
  if (queueOf(log).ordering !== 'none' && last?.group !== undefined) {
    const next = log.records
      .filter(other => other.group === last.group && other.state !== 'leased')
      .filter(other => other.state === 'delayed' || !isExpired(other, now))
      .sort((left, right) => left.position - right.position)[0]
    if (next?.state === 'ready' && next.position < last.before) return next
  }
  const all = offered(log, now)
  if (queueOf(log).ordering !== 'group-prefix') return inTurn(log, all)
  const choice = mayBeNext(log, all, now)
  return choice.find(({ position }) => position === said) ?? choice[0]
}

function hand(
  log: ModelLog,
  record: ModelRecord,
  to: { holder: string; leaseMs: number | undefined; settled: boolean },
  now: number,
): Handed {
  record.attempts++
  const { position, id, attempts } = record
  const queue = queueOf(log)
  if (record.group !== undefined) log.returned.delete(record.group)
  log.taken = queue.turns === undefined || levelOf(queue, record) === 0 ? 0 : log.taken + 1
  if (to.settled) remove(log, record)
  else {
    record.state = 'leased'
    record.holder = to.holder
    record.leasedAt = now
    record.deadline = to.leaseMs === undefined ? Infinity : now + to.leaseMs
  }
  return { position, id, attempts }
}

function leaseForGroup(
  log: ModelLog,
  group: ModelGroup,
  options: { holder: string; countMax: number; leaseMs: number | undefined; settled: boolean },
  now: number,
): Handed[] {
  const handed: Handed[] = []
  while (handed.length < options.countMax) {
    const positionOf = (one: { position: number }) => one.position
    const returned = group.pending.filter(one => one.holder === '').map(positionOf)
    const fresh = log.records.map(positionOf).filter(position => position >= group.cursor)
    const position = Math.min(...(returned.length > 0 ? returned : fresh))
    if (position === Infinity) break
    const before = group.pending.find(one => one.position === position)
    const attempts = (before?.attempts ?? 0) + 1
    group.pending = group.pending.filter(one => one !== before)
    const deadline = options.leaseMs === undefined ? Infinity : now + options.leaseMs
    group.pending.push({ position, holder: options.holder, attempts, leasedAt: now, deadline })
    group.cursor = Math.max(group.cursor, position + 1)
    handed.push({ position, id: recordAt(log, position)!.id, attempts })
  }
  if (options.settled) {
    const positions = handed.map(one => one.position)
    group.pending = group.pending.filter(one => !positions.includes(one.position))
  }
  return handed
}

/** What the engine's next turn hands to the subscribers of a queue. */
export function handOut(log: ModelLog, countMax: number, now: number): Expected[] {
  const expected: Expected[] = []
  if (log.config.queue === undefined) return expected
  while (expected.length < countMax) {
    const record = inTurn(log, offered(log, now))
    const to = record === undefined ? undefined : nextSubscriber(log)
    if (record === undefined || to === undefined) break
    to.left--
    const leaseMs = to.leaseMs ?? queueOf(log).leaseMs
    const handed = hand(log, record, { ...to, leaseMs }, now)
    expected.push({ holder: to.holder, isSettled: to.settled, ...handed })
  }
  return expected
}

/**
 * Subscribers are kept in the order in which they are served; who was served goes behind its
 * equals.
 */
function nextSubscriber(log: ModelLog): ModelSubscriber | undefined {
  const canTake = (one: ModelSubscriber) => one.left > 0 && !one.isPaused
  if (queueOf(log).singleActive) return log.subscribers.slice(0, 1).find(canTake)
  const index = log.subscribers.findIndex(canTake)
  const next = log.subscribers[index]
  if (next === undefined) return undefined
  let last = index
  while (log.subscribers[last + 1]?.priority === next.priority) last++
  log.subscribers.splice(index, 1)
  log.subscribers.splice(last, 0, next)
  return next
}

export function pause(model: Model, name: string, isPaused: boolean): Answer<undefined> {
  const log = model.logs.get(name)
  if (log === undefined) return no('not-found')
  if (log.config.queue === undefined) return no('wrong-kind')
  log.isPaused = isPaused
  return yes(undefined)
}

export function subscribe(model: Model, queue: string, draft: SubscriberDraft): string {
  const log = model.logs.get(queue)
  if (log === undefined) return 'not-found'
  if (log.config.queue === undefined) return 'wrong-kind'
  if (log.subscribers.some(one => one.exclusive)) return 'exclusive'
  if (draft.exclusive && log.subscribers.length > 0) return 'exclusive'
  const subscriber = { ...draft, left: draft.credit, isPaused: false }
  const behind = log.subscribers.findIndex(one => one.priority < draft.priority)
  const isLast = log.config.queue.singleActive || behind < 0
  log.subscribers.splice(isLast ? log.subscribers.length : behind, 0, subscriber)
  log.hadSubscriber = true
  return 'done'
}

/** Whoever has left or paused in the middle of a batch does not get the rest; it goes back. */
export function skipAbsent(model: Model, queue: string, expected: Expected[]): void {
  const log = model.logs.get(queue)
  for (let next = expected[0]; next !== undefined; next = expected[0]) {
    const { holder, position, isSettled } = next
    const subscriber = log?.subscribers.find(one => one.holder === holder)
    if (isSettled || (subscriber !== undefined && !subscriber.isPaused)) return
    expected.shift()
    if (log === undefined) continue
    const record = recordAt(log, position)
    if (record?.state !== 'leased' || record.holder !== holder) continue
    record.state = 'ready'
    record.holder = ''
    record.attempts--
    if (subscriber !== undefined) subscriber.left++
  }
}

export function settle(
  model: Model,
  target: LeaseTarget,
  holder: string,
  given: readonly number[],
  settlement: Settlement,
  now: number,
): Answer<undefined> {
  const positions = [...new Set(given)]
  const found = find(model, target)
  if (!found.ok) return found
  const { log, group } = found.value
  if (group !== undefined) return settleForGroup(group, holder, positions, settlement)
  const records = positions.map(position => recordAt(log, position))
  if (!records.every(record => record?.state === 'leased' && record.holder === holder)) {
    return no('not-leased')
  }
  for (const record of new Set(records as ModelRecord[])) {
    if (settlement.kind === 'done') remove(log, record)
    else if (settlement.kind === 'reject') bury(model, log, record, 'rejected')
    else giveBack(model, log, record, settlement, now)
  }
  if (settlement.kind === 'return' && records.length > 0) dropHead(model, log, now)
  return yes(undefined)
}

function settleForGroup(
  group: ModelGroup,
  holder: string,
  positions: readonly number[],
  settlement: Settlement,
): Answer<undefined> {
  const pending = positions.map(position => group.pending.find(one => one.position === position))
  if (!pending.every(one => one !== undefined && (holder === '' || one.holder === holder))) {
    return no('not-leased')
  }
  for (const one of new Set(pending)) {
    if (settlement.kind !== 'return') group.pending = group.pending.filter(other => other !== one)
    else {
      one!.holder = ''
      one!.deadline = Infinity
      if (settlement.counted === false) one!.attempts--
    }
  }
  return yes(undefined)
}

/** Back to its place, to the tail, or, after too many attempts, to where dead letters go. */
export function giveBack(
  model: Model,
  log: ModelLog,
  record: ModelRecord,
  how: { readonly to?: 'place' | 'tail'; readonly delayMs?: number; readonly counted?: boolean },
  now: number,
): void {
  const { attemptsMax, retry } = queueOf(log)
  const isCounted = how.counted ?? true
  if (isCounted && attemptsMax !== undefined && record.attempts >= attemptsMax) {
    bury(model, log, record, 'attempts')
    return
  }
  const backoff =
    retry === undefined || !isCounted
      ? 0
      : Math.min(
          retry.maxMs,
          retry.minMs *
            (retry.linear === true ? record.attempts : retry.factor ** (record.attempts - 1)),
        )
  const delayMs = how.delayMs ?? backoff
  if (!isCounted) record.attempts--
  record.holder = ''
  record.state = delayMs > 0 ? 'delayed' : 'ready'
  record.dueAt = delayMs > 0 ? now + delayMs : 0
  if (how.to !== 'tail') {
    if (isCounted) noteReturn(log, record)
    return
  }
  remove(log, record)
  const dueAt = delayMs > 0 ? record.dueAt : undefined
  const moved = place(log, log.next, { ...record, dueAt, dedupeId: undefined }, record.time)
  Object.assign(moved, { expiresAt: record.expiresAt })
}

export function extend(
  model: Model,
  target: LeaseTarget,
  positions: readonly number[],
  change: { leaseMs?: number; holder?: string; counted?: boolean; idleMinMs?: number },
  now: number,
): Answer<Handed[]> {
  const found = find(model, target)
  if (!found.ok) return found
  const { log, group } = found.value
  const handed: Handed[] = []
  for (const position of positions) {
    const record = recordAt(log, position)
    const held =
      group === undefined
        ? record?.state === 'leased'
          ? record
          : undefined
        : group.pending.find(one => one.position === position)
    if (held === undefined || now - held.leasedAt < (change.idleMinMs ?? 0)) continue
    if (change.holder !== undefined) {
      held.holder = change.holder
      held.leasedAt = now
    }
    if (change.counted === true) held.attempts++
    held.deadline = change.leaseMs === undefined ? Infinity : now + change.leaseMs
    if (record !== undefined) handed.push({ position, id: record.id, attempts: held.attempts })
  }
  return yes(handed)
}

/** Its group goes behind those that are ready now. */
function noteReturn(log: ModelLog, { group }: ModelRecord): void {
  if (queueOf(log).ordering !== 'group-prefix' || group === undefined) return
  const ready = log.records.filter(other => other.group !== undefined && other.state === 'ready')
  log.returned.set(group, Math.max(-1, ...ready.map(({ position }) => position)))
}
