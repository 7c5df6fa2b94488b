/** The model's records on their way in, and to where dead letters go. */

import type { DeathReason, PublishOutcome } from '../../src/engine/model.ts'
import {
  type Answer,
  deliveryOrder,
  inTurn,
  isExpired,
  type Model,
  type ModelDeath,
  type ModelLog,
  type ModelRecord,
  no,
  type Passage,
  yes,
} from './model.ts'
import { resolve } from './model-routing.ts'
import type { Draft } from './operations.ts'

export function publish(
  model: Model,
  route: string,
  keys: readonly string[],
  draft: Draft,
  now: number,
): PublishOutcome {
  const targets = resolve(model, route, keys, draft.attributes)
  if (targets === undefined) return { routed: 0, rejected: 0, error: 'not-found' }
  const passage = passageOf(draft, route, keys, now)
  const rejected = store(model, targets, passage, now)
  return { routed: targets.length, rejected, error: undefined }
}

export function append(
  model: Model,
  name: string,
  drafts: readonly Draft[],
  now: number,
): Answer<{ position: number; duplicate: boolean }[]> {
  const log = model.logs.get(name)
  if (log === undefined) return no('not-found')
  const results: { position: number; duplicate: boolean }[] = []
  for (const draft of drafts) {
    const seen = seenAt(log, draft.dedupeId, now)
    if (seen !== undefined) {
      results.push({ position: seen, duplicate: true })
      continue
    }
    const position = log.next
    const passage = passageOf(draft, '', draft.key === undefined ? [''] : [draft.key], now)
    if (store(model, [name], passage, now, false) > 0) return no('full')
    results.push({ position, duplicate: false })
  }
  if (results.some(({ duplicate }) => !duplicate)) dropHead(model, log, now)
  return yes(results)
}

function passageOf(draft: Draft, route: string, keys: readonly string[], now: number): Passage {
  return {
    id: draft.id,
    bodyBytes: draft.bodyBytes,
    span: draft.span ?? 1,
    priority: draft.priority ?? 0,
    transient: draft.transient ?? false,
    route,
    keys,
    group: draft.group,
    dedupeId: draft.dedupeId,
    ttlMs: draft.ttlMs,
    deaths: [],
    attempts: 0,
    dueAt: draft.dueInMs === undefined ? undefined : now + draft.dueInMs,
  }
}

/** Stores in each target that takes it; returns how many refused. */
function store(
  model: Model,
  targets: readonly string[],
  passage: Passage,
  now: number,
  sheds = true,
): number {
  const logs = targets.map(name => model.log(name))
  const isNew = logs.filter(log => seenAt(log, passage.dedupeId, now) === undefined)
  const full = isNew.filter(log => refusesMore(log, passage.bodyBytes))
  const taking = isNew.filter(log => !full.includes(log))
  for (const log of taking) place(log, log.next, passage, now)
  if (sheds) for (const log of taking) dropHead(model, log, now)
  for (const log of full) {
    if (log.config.queue?.overflow !== 'reject-dead-letter') continue
    passDeadLetter(model, log, passage, 'length')
  }
  return full.length
}

/** Puts a record at a position, which is the next or, when it is followed, a later one. */
export function place(
  log: ModelLog,
  position: number,
  passage: Passage,
  time: number,
): ModelRecord {
  const { dueAt, text: _text, ...rest } = passage as Passage & { text?: string }
  const ttlMs = Math.min(passage.ttlMs ?? Infinity, log.config.queue?.ttlMs ?? Infinity)
  const record: ModelRecord = {
    ...rest,
    position,
    time,
    expiresAt: Math.max(time, dueAt ?? 0) + ttlMs,
    state: dueAt === undefined || log.config.queue === undefined ? 'ready' : 'delayed',
    dueAt: dueAt ?? 0,
    holder: '',
    leasedAt: 0,
    deadline: 0,
  }
  log.records.push(record)
  log.next = position + passage.span
  const window = log.config.dedupeWindowMs
  if (window !== undefined && passage.dedupeId !== undefined) {
    log.seen = log.seen.filter(other => other.id !== passage.dedupeId && time < other.time + window)
    log.seen.push({ id: passage.dedupeId, position, time })
  }
  return record
}

/**
 * The engine has answered an append. Where it names the position of a duplicate that the model only
 * guesses, the model learns it; returns whether that makes the answers equal.
 */
export function learnPositions(
  log: ModelLog,
  records: readonly { readonly dedupeId?: string | undefined }[],
  said: string,
  expected: string,
): boolean {
  const theirs = JSON.parse(said) as { position: number; duplicate: boolean }[]
  const ours = JSON.parse(expected) as { position: number; duplicate: boolean }[]
  if (theirs.length !== ours.length) return false
  for (const [index, { position, duplicate }] of theirs.entries()) {
    const our = ours[index]!
    if (our.duplicate !== duplicate) return false
    if (our.position === position) continue
    const at = log.seen.findIndex(
      one => one.id === records[index]?.dedupeId && one.isGuess === true,
    )
    const guessed = log.seen[at]
    if (!duplicate || guessed === undefined || position >= log.next) return false
    log.seen[at] = { id: guessed.id, position, time: guessed.time }
  }
  return true
}

export function seenAt(log: ModelLog, id: string | undefined, time: number): number | undefined {
  const window = log.config.dedupeWindowMs
  if (window === undefined || id === undefined) return undefined
  return log.seen.find(other => other.id === id && time < other.time + window)?.position
}

/** True when the queue's limit refuses one more record. */
export function refusesMore(log: ModelLog, bytes: number): boolean {
  const queue = log.config.queue
  if (queue === undefined || queue.overflow === 'drop-head') return false
  const ready = log.records.filter(record => record.state === 'ready')
  const credit = creditOf(log)
  if (credit > ready.length) return false
  if (queue.countMax !== undefined && ready.length - credit >= queue.countMax) return true
  return queue.bytesMax !== undefined && sumOf(ready) + bytes > queue.bytesMax
}

export function dropHead(model: Model, log: ModelLog, now: number): void {
  for (let head = surplusHead(log); head !== undefined; head = surplusHead(log)) {
    bury(model, log, head, isExpired(head, now) ? 'expired' : 'length')
  }
}

/** The record that must go because the queue holds more than it may; undefined: none. */
export function surplusHead(log: ModelLog): ModelRecord | undefined {
  const queue = log.config.queue
  if (queue === undefined || queue.overflow !== 'drop-head') return undefined
  const ready = log.records.filter(record => record.state === 'ready')
  const credit = creditOf(log)
  if (ready.length <= credit) return undefined
  const isOver =
    (queue.countMax !== undefined && ready.length - credit > queue.countMax) ||
    (queue.bytesMax !== undefined && sumOf(ready) > queue.bytesMax && credit === 0)
  return isOver ? headOf(log) : undefined
}

/** The first in the order of delivery, expired or not; of a group only when nothing holds it up. */
function headOf(log: ModelLog): ModelRecord | undefined {
  const queue = log.config.queue!
  const free = log.records.filter(
    record =>
      record.state === 'ready' &&
      (queue.ordering === 'none' ||
        record.group === undefined ||
        !log.records.some(
          other =>
            other.group === record.group &&
            (other.state === 'leased' || other.position < record.position),
        )),
  )
  return inTurn(log, free.sort(deliveryOrder(queue)))
}

/** Records that waiting subscribers will take at once do not count against a limit. */
function creditOf(log: ModelLog): number {
  let credit = 0
  for (const subscriber of log.subscribers) if (!subscriber.isPaused) credit += subscriber.left
  return credit
}

function sumOf(records: readonly ModelRecord[]): number {
  return records.reduce((sum, record) => sum + record.bodyBytes, 0)
}

/** The end of a record in its queue; a dead letter where that is asked for. */
export function bury(model: Model, log: ModelLog, record: ModelRecord, reason: DeathReason): void {
  remove(log, record)
  passDeadLetter(model, log, { ...record, dueAt: undefined }, reason)
}

export function remove(log: ModelLog, record: ModelRecord): void {
  log.records.splice(log.records.indexOf(record), 1)
  const { group, state } = record
  if (group === undefined) return
  if (state === 'ready' || !log.records.some(other => other.group === group)) {
    log.returned.delete(group)
  }
}

export function passDeadLetter(
  model: Model,
  log: ModelLog,
  passage: Passage,
  reason: DeathReason,
): void {
  const letter = log.config.queue?.deadLetter
  if (letter === undefined) return
  const keys = letter.key === undefined ? passage.keys : [letter.key]
  const deaths = afterDeath(passage.deaths, { queue: log.name, reason, count: 1 })
  for (const target of resolve(model, letter.route, keys, undefined) ?? []) {
    if (reason !== 'rejected' && isCycle(target, deaths)) continue
    const { id, bodyBytes, span, priority, transient, group, dedupeId } = passage
    const copy = { id, bodyBytes, span, priority, transient, group, dedupeId }
    const next = { ...copy, route: letter.route, keys, deaths, ttlMs: undefined, attempts: 0 }
    model.moves.push({ target, passage: { ...next, dueAt: undefined } })
  }
}

/** The newest death first; the same queue and reason again counts up. */
function afterDeath(deaths: readonly ModelDeath[], death: ModelDeath): ModelDeath[] {
  const isSame = (other: ModelDeath) => other.queue === death.queue && other.reason === death.reason
  const before = deaths.find(isSame)
  const counted = { ...death, count: (before?.count ?? 0) + 1 }
  return [counted, ...deaths.filter(other => !isSame(other))]
}

/** Back to a queue without anybody having rejected it on the way: it would go round for ever. */
function isCycle(target: string, deaths: readonly ModelDeath[]): boolean {
  const rejected = deaths.findIndex(death => death.reason === 'rejected')
  const automatic = rejected < 0 ? deaths : deaths.slice(0, rejected)
  return automatic.some(death => death.queue === target)
}
