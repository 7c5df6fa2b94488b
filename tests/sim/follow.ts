/**
 * Where the engine may choose the moment, the model follows: it looks at what the engine holds now,
 * takes each difference that time or a length limit explains, and does the same. What nothing
 * explains is left different, for the comparison to find.
 */

import { decodeUtf8 } from '../../src/base/bytes.ts'
import type { StoredRecord } from '../../src/engine/model.ts'
import {
  isExpired,
  type Model,
  type ModelDeath,
  type ModelLog,
  type ModelRecord,
  type Move,
} from './model.ts'
import { cut, dropLog } from './model-defining.ts'
import { giveBack } from './model-leasing.ts'
import { bury, passDeadLetter, place, refusesMore, seenAt, surplusHead } from './model-storing.ts'
import { idOf, type Seen, type SeenLog } from './observe.ts'
import { demand } from './violation.ts'

export interface Moment {
  /** Wall clock. */
  readonly now: number
  readonly monotonic: number
  /** The highest that the wall clock has shown so far. */
  readonly latest: number
}

export function follow(model: Model, seen: Seen, moment: Moment): void {
  for (const log of [...model.logs.values()]) {
    const seenLog = seen.logs.get(log.name)
    if (seenLog === undefined) followDrop(model, log, moment)
    else if (log.config.queue === undefined) {
      followCompaction(log, seenLog)
      followRetention(log, seenLog, moment)
    }
  }
  for (const log of model.logs.values()) {
    const seenLog = seen.logs.get(log.name)
    if (seenLog === undefined) continue
    followTime(model, log, seenLog, moment)
    followGroups(log, seenLog, moment)
  }
  followMoves(model, seen, moment)
  // A dead letter may have come to a log with a limit, or that keeps one of a key, and be gone.
  for (const log of model.logs.values()) {
    const seenLog = seen.logs.get(log.name)
    if (seenLog !== undefined && log.config.queue === undefined) {
      followCompaction(log, seenLog)
      followRetention(log, seenLog, moment)
    }
  }
}

/** A log goes by itself when its last subscriber has left, or when nobody has used it. */
function followDrop(model: Model, log: ModelLog, { monotonic }: Moment): void {
  if (log.subscribers.length > 0) return
  const isLeft = log.config.autoDrop && log.hadSubscriber
  const isIdle = log.config.idleMs !== undefined && monotonic - log.usedAt >= log.config.idleMs
  if (isLeft || isIdle) dropLog(model, log.name, {})
}

/** Records go off the front while there are too many, too large or too old ones. */
function followRetention(log: ModelLog, seenLog: SeenLog, { now }: Moment): void {
  const { ageMs, bytes, count } = log.config.retention
  const gone: ModelRecord[] = []
  const all = [...log.records].sort((left, right) => left.position - right.position)
  let kept = all.length
  let keptBytes = all.reduce((sum, record) => sum + record.bodyBytes, 0)
  for (const record of all) {
    const mayGo =
      (count !== undefined && kept > count) ||
      (bytes !== undefined && keptBytes > bytes && kept > 1) ||
      (ageMs !== undefined && record.time + ageMs <= now)
    if (!mayGo || seenLog.records.has(record.position)) break
    gone.push(record)
    kept--
    keptBytes -= record.bodyBytes
  }
  if (gone.length === 0) return
  cut(log, gone)
  log.first = Math.max(log.first, all[gone.length]?.position ?? log.next)
}

/** Records of which a later one has the key may go at any time. */
function followCompaction(log: ModelLog, seenLog: SeenLog): void {
  if (!log.config.compact) return
  const newest = new Map<string, number>()
  for (const { keys, position } of log.records) {
    newest.set(keys[0] ?? '', Math.max(position, newest.get(keys[0] ?? '') ?? 0))
  }
  const gone = log.records.filter(
    ({ keys, position }) =>
      keys[0] !== undefined &&
      keys[0] !== '' &&
      position < newest.get(keys[0])! &&
      !seenLog.records.has(position),
  )
  if (gone.length > 0) cut(log, gone)
}

/** Delays that are over, leases that have run out, records that have expired. */
function followTime(model: Model, log: ModelLog, seenLog: SeenLog, { now }: Moment): void {
  let hasLapsed = false
  for (const record of [...log.records].sort((left, right) => left.position - right.position)) {
    const lease = seenLog.pending.get(record.position)
    const isSeen = seenLog.records.has(record.position)
    if (record.state === 'delayed' && record.dueAt <= now) {
      const isStillDelayed = isSeen && !seenLog.isReady.has(record.position) && lease === undefined
      if (!isStillDelayed) record.state = 'ready'
    }
    if (record.state === 'leased' && record.deadline <= now) {
      const isStillLeased = lease?.holder === record.holder && lease.leasedAt === record.leasedAt
      if (!isStillLeased) {
        hasLapsed = true
        giveBack(model, log, record, {}, now)
      }
    }
  }
  if (hasLapsed) followDropHead(model, log, seenLog, now)
  for (const record of [...log.records]) {
    if (record.state !== 'ready' || !isExpired(record, now)) continue
    if (!seenLog.records.has(record.position)) bury(model, log, record, 'expired')
  }
}

/**
 * A queue that got more than it may hold sheds from the front; whether before or after a record of
 * its own became due in the same moment is the engine's choice.
 */
function followDropHead(model: Model, log: ModelLog, seenLog: SeenLog, now: number): void {
  for (let head = surplusHead(log); head !== undefined; head = surplusHead(log)) {
    if (seenLog.records.has(head.position)) return
    bury(model, log, head, isExpired(head, now) ? 'expired' : 'length')
  }
}

function followGroups(log: ModelLog, seenLog: SeenLog, { now }: Moment): void {
  for (const group of log.groups.values()) {
    const seenGroup = seenLog.groups.find(other => other.info.name === group.name)
    for (const one of group.pending) {
      if (one.deadline > now) continue
      const seenOne = seenGroup?.pending.find(other => other.position === one.position)
      if (seenOne === undefined || seenOne.holder !== '') continue
      one.holder = ''
      one.deadline = Infinity
    }
  }
}

/**
 * Dead letters: each is where the engine has put it, or was turned away, or is gone again already.
 */
function followMoves(model: Model, seen: Seen, moment: Moment): void {
  const before = new Map([...model.logs.values()].map(log => [log.name, log.next]))
  const takenBy = new Map<string, number>()
  const count = (name: string, span: number) => {
    takenBy.set(name, (takenBy.get(name) ?? 0) + span)
  }
  const reached = new Set<string>()
  // Each round can only move records on towards the ends of the routes.
  for (let round = 0; round < 1000; round++) {
    if (model.moves.length === 0 && !shed(model, seen, reached)) break
    for (const { target } of model.moves) reached.add(target)
    if (model.moves.length === 0) continue
    const adopted = adopt(model, seen, before, moment)
    if (adopted !== undefined) {
      count(adopted.target, adopted.passage.span)
      continue
    }
    const move = model.moves.shift()!
    const from = before.get(move.target) ?? 0
    const next = from + (takenBy.get(move.target) ?? 0)
    count(move.target, vanish(model, seen, move, { from, next }, moment))
  }
  // Positions are given one after the other: whoever was there and went again had his own.
  for (const [name, span] of takenBy) {
    const log = model.logs.get(name)
    if (log !== undefined) log.next = before.get(name)! + span
  }
}

/**
 * A queue with a limit that dead letters have reached may have shed records of which the model,
 * with the same arrivals and expiries in another order, did not have to take leave.
 */
function shed(model: Model, seen: Seen, reached: ReadonlySet<string>): boolean {
  for (const name of reached) {
    const log = model.logs.get(name)
    const seenLog = seen.logs.get(name)
    const queue = log?.config.queue
    if (log === undefined || seenLog === undefined || queue?.overflow !== 'drop-head') continue
    if (queue.countMax === undefined && queue.bytesMax === undefined) continue
    const gone = log.records.find(
      record => record.state === 'ready' && !seenLog.records.has(record.position),
    )
    if (gone === undefined) continue
    bury(model, log, gone, 'length')
    return true
  }
  return false
}

/** Finds one dead letter where the engine has put it, which is behind all that was `before`. */
function adopt(
  model: Model,
  seen: Seen,
  before: ReadonlyMap<string, number>,
  { now, latest }: Moment,
): Move | undefined {
  for (const [name, seenLog] of seen.logs) {
    const log = model.logs.get(name)
    if (log === undefined) continue
    const known = new Set(log.records.map(record => record.position))
    for (const { position, stored } of seenLog.records.values()) {
      if (known.has(position)) continue
      const move = takeMove(model, name, stored)
      if (move === undefined) continue
      const { id } = move.passage
      const least = before.get(name) ?? 0
      demand(position >= least, 'I4', `${name} puts ${id} at ${position} and has had ${least}`)
      demand(stored.time <= latest, 'answer', `${id} was moved to ${name} in the future`)
      place(log, position, move.passage, stored.time)
      followDropHead(model, log, seenLog, now)
      return move
    }
  }
  return undefined
}

/**
 * A record may come to a log by several ways: the one on which it died the same deaths is meant.
 */
function takeMove(model: Model, target: string, stored: StoredRecord): Move | undefined {
  const id = idOf(stored)
  const textOf = (route: string, deaths: readonly ModelDeath[]) =>
    [route, ...deaths.map(({ queue, reason, count }) => `${queue}:${reason}:${count}`)].join()
  const text = textOf(decodeUtf8(stored.route), stored.deaths)
  const index = model.moves.findIndex(
    ({ target: other, passage }) =>
      other === target && passage.id === id && textOf(passage.route, passage.deaths) === text,
  )
  return index < 0 ? undefined : model.moves.splice(index, 1)[0]
}

/**
 * A dead letter that is nowhere: a duplicate, refused, or gone again at once. Returns how many
 * positions it took: of those from `from` on, so many have been given that the following one is
 * `next`. Which of them were its own nobody can see; the first free ones are as good as others.
 */
function vanish(
  model: Model,
  seen: Seen,
  move: Move,
  { from, next }: { readonly from: number; readonly next: number },
  { now }: Moment,
): number {
  const log = model.logs.get(move.target)
  if (log === undefined || seenAt(log, move.passage.dedupeId, now) !== undefined) return 0
  if (refusesMore(log, move.passage.bodyBytes)) {
    if (log.config.queue?.overflow === 'reject-dead-letter') {
      passDeadLetter(model, log, move.passage, 'length')
    }
    return 0
  }
  const seenLog = seen.logs.get(log.name)
  const { span } = move.passage
  // In the order of the engine's work the queue may have been full when the record came.
  const { queue } = log.config
  const mayRefuse = queue !== undefined && queue.overflow !== 'drop-head'
  if (mayRefuse && next + toCome(log, seenLog) + span > (seenLog?.info.next ?? 0)) return 0
  const record = place(log, gapFrom(log, seenLog, from), move.passage, now)
  const remembered = log.seen.at(-1)
  if (remembered !== undefined && remembered.id === move.passage.dedupeId) {
    log.seen[log.seen.length - 1] = { ...remembered, isGuess: true }
  }
  if (seenLog !== undefined) followDropHead(model, log, seenLog, now)
  const isThere = log.records.includes(record)
  const hasLimit = (queue?.countMax ?? queue?.bytesMax) !== undefined
  if (isThere && isExpired(record, now)) bury(model, log, record, 'expired')
  else if (isThere && hasLimit) bury(model, log, record, 'length')
  return span
}

/** How many positions the engine has given to records that the model does not have yet. */
function toCome(log: ModelLog, seenLog: SeenLog | undefined): number {
  const known = new Set(log.records.map(({ position }) => position))
  let span = 0
  for (const { position, stored } of seenLog?.records.values() ?? []) {
    if (!known.has(position)) span += stored.span
  }
  return span
}

/** The first position from `from` on that no record has. */
function gapFrom(log: ModelLog, seenLog: SeenLog | undefined, from: number): number {
  const used = new Set<number>()
  const occupy = (position: number, span: number) => {
    for (let at = position; at < position + span; at++) used.add(at)
  }
  for (const { position, stored } of seenLog?.records.values() ?? []) {
    occupy(position, stored.span)
  }
  for (const { position, span } of log.records) occupy(position, span)
  let position = from
  while (used.has(position)) position++
  return position
}
