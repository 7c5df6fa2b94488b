/**
 * ShareFetch and ShareAcknowledge (KIP-932): records handed out one by one under a lock, and what
 * becomes of them.
 * Supports: sessions, acknowledgements with a fetch or alone, renewed locks, both ways to acquire,
 * long polling, read_committed by the group's setting. Batches leave whole, as they are stored; the
 * list of what was acquired says which of their records are meant.
 * Engine: read; watch while nothing is free.
 */

import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseOf } from '../../../wire/kafka/message.ts'
import type * as wire from '../../../wire/kafka/messages/share-groups.ts'
import { BatchView } from '../../../wire/kafka/record-batch.ts'
import { type Call, later, mayDo } from '../call.ts'
import { limits } from '../limits.ts'
import { batchOf } from '../mapping.ts'
import { type Acquired, acknowledgeTypes, type SharePartition } from '../share-partition.ts'
import { keyOf, type SharePlace, type ShareSession } from '../shares.ts'

type Request = RequestOf<typeof wire.ShareFetch>
type Answer = ResponseOf<typeof wire.ShareFetch>
type PartitionAnswer = Answer['responses'][number]['partitions'][number]
type Named = RequestOf<typeof wire.ShareAcknowledge>['topics']

interface Task {
  readonly call: Call
  readonly request: Request
  readonly session: ShareSession
  /** What was said in this request, by place: the code for it. */
  readonly said: ReadonlyMap<string, Said>
}

interface Said {
  readonly place: SharePlace
  readonly code: number
}

const finalEpoch = -1
const firstEpoch = 0

export function shareFetch(call: Call, request: Request): Answer | typeof later {
  const session = open(call, request)
  if (typeof session === 'number') return { errorCode: session, responses: [] }
  const { shareSessionEpoch: epoch, isRenewAck } = request
  const hasSaid = request.topics.some(({ partitions }) =>
    partitions.some(each => each.acknowledgementBatches.length > 0),
  )
  if (hasSaid && epoch === firstEpoch) return { errorCode: codes.INVALID_REQUEST, responses: [] }
  if (epoch !== finalEpoch) enter(session, request)
  const said = acknowledgeAll(call, session, request)
  const task = { call, request, session, said }
  if (epoch === finalEpoch) call.broker.shares.closeSession(session)
  if (epoch === finalEpoch || isRenewAck) return answer(task, new Map())
  const taken = take(task)
  const isEnough = taken.size > 0 || said.size > 0 || request.maxWaitMs <= 0
  if (isEnough) return answer(task, taken)
  park(task)
  return later
}

export function shareAcknowledge(
  call: Call,
  request: RequestOf<typeof wire.ShareAcknowledge>,
): ResponseOf<typeof wire.ShareAcknowledge> {
  const { shareSessionEpoch: epoch } = request
  const session = epoch === firstEpoch ? codes.INVALID_SHARE_SESSION_EPOCH : open(call, request)
  if (typeof session === 'number') return { errorCode: session, responses: [] }
  const said = acknowledgeAll(call, session, request)
  if (epoch === finalEpoch) call.broker.shares.closeSession(session)
  const rows = [...said.values()].map(({ place, code }) => ({
    topicId: place.topicId,
    row: { partitionIndex: place.partition, errorCode: code },
  }))
  const acquisitionLockTimeoutMs = call.broker.shares.lockMs(session.group)
  return { errorCode: 0, acquisitionLockTimeoutMs, responses: byTopic(rows) }
}

/** The session that the request is about; a number: the code with which it is refused. */
function open(
  call: Call,
  request: Pick<Request, 'groupId' | 'memberId' | 'shareSessionEpoch'>,
): ShareSession | number {
  const { groupId, memberId, shareSessionEpoch } = request
  if (groupId === null || groupId === '' || memberId === null || memberId === '') {
    return codes.INVALID_REQUEST
  }
  if (!mayDo(call, 'read', 'group', groupId)) return codes.GROUP_AUTHORIZATION_FAILED
  const { shares } = call.broker
  const session = shares.session(groupId, memberId, shareSessionEpoch)
  if (typeof session !== 'number' && shareSessionEpoch === firstEpoch) {
    // With the connection its member is gone, and what that holds is free.
    call.session.held.set(`share\0${groupId}\0${memberId}`, () => {
      if (shares.isOpen(session)) shares.closeSession(session)
    })
  }
  return session
}

function enter(session: ShareSession, { topics, forgottenTopicsData }: Request): void {
  for (const { topicId, partitions } of forgottenTopicsData) {
    for (const partition of partitions) session.places.delete(keyOf({ topicId, partition }))
  }
  for (const { topicId, partitions } of topics) {
    for (const { partitionIndex: partition } of partitions) {
      const place = { topicId, partition }
      if (!session.places.has(keyOf(place))) session.places.set(keyOf(place), place)
    }
  }
}

// What members say

function acknowledgeAll(
  call: Call,
  session: ShareSession,
  { topics, isRenewAck }: { readonly topics: Named; readonly isRenewAck: boolean },
): Map<string, Said> {
  const said = new Map<string, Said>()
  for (const { topicId, partitions } of topics) {
    for (const { partitionIndex: partition, acknowledgementBatches: batches } of partitions) {
      if (batches.length === 0) continue
      const place = { topicId, partition }
      said.set(keyOf(place), {
        place,
        code: acknowledge(call, session, place, batches, isRenewAck),
      })
    }
  }
  return said
}

type Batches = Named[number]['partitions'][number]['acknowledgementBatches']

function acknowledge(
  call: Call,
  { group, member }: ShareSession,
  place: SharePlace,
  batches: Batches,
  mayRenew: boolean,
): number {
  const { topics, shares } = call.broker
  const topic = topics.byId(place.topicId)
  if (topic === undefined) return codes.UNKNOWN_TOPIC_ID
  if (!mayDo(call, 'read', 'topic', topic.name)) return codes.TOPIC_AUTHORIZATION_FAILED
  const share = shares.known(group, place)
  if (share === undefined) return codes.UNKNOWN_TOPIC_OR_PARTITION
  const isWrong = batches.some(({ firstOffset, lastOffset, acknowledgeTypes: types }) => {
    const count = lastOffset - firstOffset + 1
    const most = mayRenew ? acknowledgeTypes.renew : acknowledgeTypes.reject
    if (firstOffset < 0 || count < 1) return true
    if (types.length !== 1 && types.length !== count) return true
    return types.some(type => type < 0 || type > most)
  })
  if (isWrong) return codes.INVALID_REQUEST
  const given = batches.map(({ firstOffset: first, lastOffset: last, acknowledgeTypes: types }) => {
    return { first, last, types }
  })
  const until = mayRenew ? shares.arm(group, place) : 0
  if (!share.acknowledge(given, { holder: member, until })) return codes.INVALID_RECORD_STATE
  shares.save(group, place)
  return 0
}

// What members get

interface Taken {
  readonly place: SharePlace
  readonly errorCode: number
  readonly records: readonly Uint8Array[]
  readonly acquired: readonly Acquired[]
}

/** What is free now, or wrong, by place. */
function take({ call, request, session }: Task): Map<string, Taken> {
  const taken = new Map<string, Taken>()
  let room = Math.min(request.maxBytes, limits.fetchBytesMax)
  let left = Math.max(1, request.maxRecords)
  for (const [key, place] of [...session.places]) {
    if (room <= 0 || left <= 0) break
    const isStrict = request.shareAcquireMode === 1
    const now = takeFrom(call, session, place, { room, left, isStrict })
    if (now.errorCode === 0 && now.acquired.length === 0) continue
    taken.set(key, now)
    for (const { length } of now.records) room -= length
    for (const { firstOffset, lastOffset } of now.acquired) left -= lastOffset - firstOffset + 1
    // Next time the others come first.
    session.places.delete(key)
    session.places.set(key, place)
  }
  return taken
}

interface Bounds {
  readonly room: number
  readonly left: number
  /** Never more records than asked for; otherwise whole batches. */
  readonly isStrict: boolean
}

function takeFrom(call: Call, session: ShareSession, place: SharePlace, bounds: Bounds): Taken {
  const { broker } = call
  const failure = (errorCode: number): Taken => ({ place, errorCode, records: [], acquired: [] })
  const topic = broker.topics.byId(place.topicId)
  if (topic === undefined) return failure(codes.UNKNOWN_TOPIC_ID)
  if (!mayDo(call, 'read', 'topic', topic.name)) return failure(codes.TOPIC_AUTHORIZATION_FAILED)
  const log = topic.logs[place.partition]
  const share = log === undefined ? undefined : broker.shares.open(session.group, place, log)
  if (log === undefined || share === undefined) return failure(codes.UNKNOWN_TOPIC_OR_PARTITION)
  const taken = acquire(call, { log, share, session, place }, bounds)
  return { place, errorCode: 0, ...taken }
}

interface From {
  readonly log: string
  readonly share: SharePartition
  readonly session: ShareSession
  readonly place: SharePlace
}

const batch = new BatchView()

function acquire(call: Call, from: From, bounds: Bounds): Pick<Taken, 'records' | 'acquired'> {
  const { broker } = call
  const { log, share, session, place } = from
  const isCommitted =
    broker.groupConfigs.value(session.group, 'share.isolation.level') === 'read_committed'
  const { next } = broker.engine.log(log)!
  const end = isCommitted ? broker.stableEnd(log, next) : next
  const records: Uint8Array[] = []
  const acquired: Acquired[] = []
  let { room, left } = bounds
  let until: number | undefined
  let at = share.start
  for (let look = 0; look < limits.shareLooksMax && room > 0 && left > 0; look++) {
    at = share.nextAvailable(at)
    const isFull = at >= share.end && share.end - share.start >= limits.shareLocksMax
    if (at >= end || isFull) break
    // As much as may be new is looked at in one go; what comes again is often a single record.
    const read = { countMax: 16, bytesMax: room }
    const outcome = broker.engine.read(log, { position: at }, read)
    const found = outcome.ok ? outcome.value.filter(({ position }) => position < end) : []
    if (found.length === 0) break
    for (const record of found) {
      if (record.position > at) share.skip(at, record.position - 1)
      const first = Math.max(at, record.position)
      const last = record.position + record.span - 1
      at = last + 1
      const bytes = batchOf(record, broker.readPlain)
      batch.over(bytes)
      const isAborted = (producerId: number) =>
        broker.transactions
          .abortedIn(log, record.position, record.position + 1)
          .some(each => each.producerId === producerId)
      const isHidden = isCommitted && batch.isTransactional && isAborted(batch.producerId)
      if (batch.isControl || isHidden) {
        share.skip(first, last)
        continue
      }
      until ??= broker.shares.arm(session.group, place)
      const countMax = bounds.isStrict ? left : Infinity
      const got = share.acquire({ first, last, holder: session.member, until, countMax })
      if (got.length === 0) continue
      records.push(bytes)
      acquired.push(...got)
      room -= bytes.length
      for (const { firstOffset, lastOffset } of got) left -= lastOffset - firstOffset + 1
      if (room <= 0 || left <= 0) break
    }
  }
  return { records, acquired }
}

/** Waits until something is free, or time is up, or the peer is gone. */
function park(task: Task): void {
  const { call, request, session } = task
  const { engine, deadlines, shares, topics } = call.broker
  let ends: (() => void)[] = []
  const unwatch = () => {
    for (const end of ends) end()
    ends = []
  }
  const finish = (taken: ReadonlyMap<string, Taken>) => {
    unwatch()
    deadline.cancel()
    call.reply(answer(task, taken))
  }
  const waitMs = Math.min(request.maxWaitMs, limits.fetchWaitMsMax)
  const deadline = deadlines.after(waitMs, () => finish(new Map()))
  const watch = () => {
    for (const place of session.places.values()) {
      const log = topics.byId(place.topicId)?.logs[place.partition]
      const info = log === undefined ? undefined : engine.log(log)
      const watcher = info === undefined ? undefined : engine.watch(info.name, info.next, woken)
      if (watcher?.ok === true) ends.push(() => watcher.value.cancel())
      const share = shares.known(session.group, place)
      if (share !== undefined) ends.push(shares.watch(share, woken))
    }
  }
  const woken = () => {
    unwatch()
    const taken = shares.isOpen(session) ? take(task) : new Map<string, Taken>()
    if (taken.size > 0) finish(taken)
    else watch()
  }
  call.session.onGone = () => {
    unwatch()
    deadline.cancel()
  }
  watch()
}

function answer(task: Task, taken: ReadonlyMap<string, Taken>): Answer {
  const { call, said, session } = task
  const rows: { topicId: string; row: PartitionAnswer }[] = []
  let bytes = 0
  for (const [key, { place, errorCode, records, acquired }] of taken) {
    for (const { length } of records) bytes += length
    const acknowledgeErrorCode = said.get(key)?.code ?? 0
    const acquiredRecords = acquired
    const row = { partitionIndex: place.partition, errorCode, acknowledgeErrorCode }
    rows.push({ topicId: place.topicId, row: { ...row, records, acquiredRecords } })
  }
  for (const [key, { place, code: acknowledgeErrorCode }] of said) {
    if (taken.has(key)) continue
    const row = { partitionIndex: place.partition, errorCode: 0, acknowledgeErrorCode }
    rows.push({ topicId: place.topicId, row: { ...row, records: [] } })
  }
  call.expect(bytes + rows.length * limits.fetchedPartitionBytes)
  const acquisitionLockTimeoutMs = call.broker.shares.lockMs(session.group)
  return { errorCode: 0, acquisitionLockTimeoutMs, responses: byTopic(rows) }
}

function byTopic<Row>(rows: readonly { readonly topicId: string; readonly row: Row }[]) {
  const topics = new Map<string, Row[]>()
  for (const { topicId, row } of rows) {
    const known = topics.get(topicId)
    if (known === undefined) topics.set(topicId, [row])
    else known.push(row)
  }
  return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }))
}
