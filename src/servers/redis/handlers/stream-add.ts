/**
 * XADD, XTRIM, XDEL, XLEN, XSETID, XCFGSET: what changes the entries of a stream.
 * Engine: append, trim; XDEL also its table, since the last id outlives its entry.
 */

import type { Request } from '../../../wire/resp/request.ts'
import { fail, texts } from '../errors.ts'
import { idempotenceLimits, messageIdOf } from '../idempotence.ts'
import {
  type Id,
  idOf,
  idOfKey,
  idText,
  maxId,
  parseHalfId,
  parseId,
  recordAt,
  recordOf,
  u64Number,
  u64Text,
  zeroId,
} from '../mapping.ts'
import type { Session } from '../session.ts'
import type { RefPolicy, Stream } from '../stream.ts'
import { has, integer, id as readId } from './words.ts'

interface Options {
  at: number
  noStream: boolean
  maxLength: number | undefined
  minId: Id | undefined
  approximate: boolean
  limit: number
  policy: RefPolicy
  /** A producer's name, and its name for the message: undefined: made of the fields. */
  producer: string | undefined
  message: string | undefined
}

function readOptions(session: Session, request: Request, isAdd: boolean): Options {
  const options: Options = {
    at: 2,
    noStream: false,
    maxLength: undefined,
    minId: undefined,
    approximate: false,
    limit: 0,
    policy: 'KEEPREF',
    producer: undefined,
    message: undefined,
  }
  let policyGiven = false
  let limitGiven = false
  let strategy = false
  for (; options.at < request.count; options.at++) {
    const { at } = options
    if (has(request, at, 'MAXLEN', 1) || has(request, at, 'MINID', 1)) {
      if (strategy) {
        fail('ERR syntax error, MAXLEN and MINID options at the same time are not compatible')
      }
      readStrategy(request, options, request.is(at, 'MAXLEN'))
      strategy = true
    } else if (has(request, at, 'LIMIT', 1)) {
      options.limit = integer(request.text(++options.at))
      if (options.limit < 0) fail('ERR The LIMIT argument must be >= 0.')
      limitGiven = true
    } else if (isAdd && request.is(at, 'NOMKSTREAM')) options.noStream = true
    else if (!policyGiven && policyAt(session, request, at) !== undefined) {
      options.policy = policyAt(session, request, at)!
      policyGiven = true
    } else if (isAdd && readProducer(session, request, options)) continue
    else if (isAdd) break
    else fail(texts.syntax)
  }
  if (options.limit > 0 && !strategy) {
    fail('ERR syntax error, LIMIT cannot be used without specifying a trimming strategy')
  }
  if (!isAdd && !strategy) fail('ERR syntax error, XTRIM must be called with a trimming strategy')
  if (limitGiven && !options.approximate) {
    fail('ERR syntax error, LIMIT cannot be used without the special ~ option')
  }
  if (!limitGiven && options.approximate) {
    const entries = Number(session.broker.config.get('stream-node-max-entries'))
    options.limit = entries <= 0 ? 10_000 : Math.min(100 * entries, 1_000_000)
  }
  return options
}

function readStrategy(request: Request, options: Options, isLength: boolean): void {
  options.at++
  options.approximate = false
  if (options.at + 1 < request.count) {
    const sign = request.text(options.at)
    if (sign === '~' || sign === '=') {
      options.approximate = sign === '~'
      options.at++
    }
  }
  const text = request.text(options.at)
  if (!isLength) options.minId = readId(text)
  else {
    options.maxLength = integer(text)
    if (options.maxLength < 0) fail('ERR The MAXLEN argument must be >= 0.')
  }
}

/** KEEPREF, DELREF or ACKED, where the imitated Redis knows them. */
export function policyAt(session: Session, request: Request, at: number): RefPolicy | undefined {
  if (!session.broker.since('8.2')) return undefined
  if (request.is(at, 'KEEPREF')) return 'KEEPREF'
  if (request.is(at, 'DELREF')) return 'DELREF'
  return request.is(at, 'ACKED') ? 'ACKED' : undefined
}

/** IDMP producer message, or IDMPAUTO producer; false: it is neither. */
function readProducer(session: Session, request: Request, options: Options): boolean {
  const { at } = options
  const isAuto = has(request, at, 'IDMPAUTO', 1)
  if (!session.broker.since('8.6') || !(isAuto || has(request, at, 'IDMP', 2))) return false
  const name = isAuto ? 'IDMPAUTO' : 'IDMP'
  if (options.producer !== undefined) {
    fail('ERR syntax error, IDMP/IDMPAUTO specified multiple times')
  }
  options.producer = request.text(at + 1)
  if (options.producer === '') fail(`ERR syntax error, ${name} requires a non-empty producer ID`)
  options.at++
  if (isAuto) return true
  options.message = request.text(at + 2)
  if (options.message === '') fail('ERR syntax error, IDMP requires a non-empty idempotent ID')
  options.at++
  return true
}

function trimBy(stream: Stream, options: Options): number {
  if (options.maxLength === undefined && options.minId === undefined) return 0
  return stream.trim(options)
}

/** The id that is made, where both halves are exact numbers. Reused: the stream copies it. */
const made = { ms: 0, sequence: 0 }

/** `XADD key * field value …`: the common case, without a text for the id. */
function addPlainly(session: Session, request: Request): boolean {
  if (request.sign(2) !== 0x2a || request.count % 2 === 0) return false
  const { broker, database, reply, now } = session
  const key = request.text(1)
  const stream = session.get(key, 'stream')
  if (stream === undefined) return false
  made.ms = now > stream.lastMs ? now : stream.lastMs
  made.sequence = now > stream.lastMs ? 0 : stream.lastSequence + 1
  if (!(made.ms <= exactMax && made.sequence <= exactMax)) return false
  stream.appendAt(recordAt(request, 3, made, now), made, broker.nodeLimits)
  broker.notify('xadd', 't', database, key)
  broker.keys.onChange(database, key)
  reply.pair(made.ms, made.sequence)
  return true
}

const exactMax = Number.MAX_SAFE_INTEGER

export function xadd(session: Session, request: Request): void {
  if (addPlainly(session, request)) return
  const options = readOptions(session, request, true)
  const fieldsAt = options.at + 1
  const fields = request.count - fieldsAt
  let given: Id | undefined
  let half: string | undefined
  const idWord = options.at < request.count ? request.text(options.at) : '*'
  if (idWord !== '*') {
    half = parseHalfId(idWord)
    given = half === undefined ? (parseId(idWord) ?? fail(texts.badId)) : undefined
    if (options.producer !== undefined) {
      fail('ERR syntax error, IDMP/IDMPAUTO can be used only with auto-generated IDs')
    }
  }
  if (fields < 2 || fields % 2 === 1) fail("ERR wrong number of arguments for 'xadd' command")
  if (given === zeroId) fail('ERR The ID specified in XADD must be greater than 0-0')
  const { keys } = session.broker
  const key = request.text(1)
  let stream = session.get(key, 'stream')
  if (stream === undefined && options.noStream) return session.reply.null()
  const message = messageOf(request, options, fieldsAt)
  if (stream !== undefined && message !== undefined) {
    const { idempotence } = stream
    stream.forgetMessages(session.now - idempotence.durationS * 1000)
    const known = idempotence.find(options.producer!, message)
    if (known !== undefined) {
      idempotence.duplicates++
      stream.saveMeta()
      return session.reply.bulk(idText(known))
    }
  }
  if (stream !== undefined && stream.lastId === maxId) {
    fail('ERR The stream has exhausted the last possible ID, unable to add more items')
  }
  const id = given ?? newId(stream?.lastId ?? zeroId, session.now, half)
  if (id === undefined || (stream !== undefined && id <= stream.lastId)) {
    fail('ERR The ID specified in XADD is equal or smaller than the target stream top item')
  }
  stream ??= keys.createStream(session.database, key)
  stream.append(recordOf(request, fieldsAt, id, session.now), id, session.broker.nodeLimits)
  if (message !== undefined) stream.remember(options.producer!, message, id)
  session.broker.notify('xadd', 't', session.database, key)
  if (trimBy(stream, options) > 0) {
    session.broker.notify('xtrim', 't', session.database, key)
  }
  keys.onChange(session.database, key)
  session.reply.bulk(idText(id))
}

/** What the producer calls the message; undefined: nobody may send it again. */
function messageOf(request: Request, options: Options, fieldsAt: number): string | undefined {
  if (options.producer === undefined || options.message !== undefined) return options.message
  const words: string[] = []
  for (let at = fieldsAt; at < request.count; at++) words.push(request.text(at))
  return messageIdOf(words)
}

/** The next id after `last`; with `half`, one of those milliseconds. */
function newId(last: Id, now: number, half: string | undefined): Id | undefined {
  const lastMs = last.slice(0, 8)
  if (half !== undefined) {
    if (half > lastMs) return half + u64Text(half === zeroId.slice(8) ? 1 : 0)
    if (half < lastMs) return undefined
    return nextSequence(last, false)
  }
  const ms = u64Text(now)
  return ms > lastMs ? ms + zeroId.slice(8) : nextSequence(last, true)
}

function nextSequence(last: Id, carry: boolean): Id | undefined {
  if (last.slice(8) === maxId.slice(8)) {
    return carry ? idOf(BigInt(idText(last).split('-')[0]!) + 1n, 0) : undefined
  }
  const sequence = u64Number(last, 8)
  const next = sequence < 2 ** 53 - 1 ? sequence + 1 : BigInt(idText(last).split('-')[1]!) + 1n
  return last.slice(0, 8) + u64Text(next)
}

export function xtrim(session: Session, request: Request): void {
  const options = readOptions(session, request, false)
  const key = request.text(1)
  const stream = session.get(key, 'stream')
  const count = stream === undefined ? 0 : trimBy(stream, options)
  if (count > 0) {
    session.broker.notify('xtrim', 't', session.database, key)
    session.broker.keys.onChange(session.database, key)
  }
  session.reply.integer(count)
}

export function xdel(session: Session, request: Request): void {
  const key = request.text(1)
  const stream = session.get(key, 'stream')
  if (stream === undefined) return session.reply.integer(0)
  const ids: Id[] = []
  for (let at = 2; at < request.count; at++) ids.push(readId(request.text(at)))
  const removed = stream.remove(ids)
  if (removed.length > 0) {
    session.broker.notify('xdel', 't', session.database, key)
    session.broker.keys.onChange(session.database, key)
  }
  session.reply.integer(removed.length)
}

export function xlen(session: Session, request: Request): void {
  session.reply.integer(session.get(request.text(1), 'stream')?.length ?? 0)
}

export function xsetid(session: Session, request: Request): void {
  const id = readId(request.text(2))
  let added = -1
  let maxDeleted: Id | undefined
  for (let at = 3; at < request.count; at += 2) {
    if (has(request, at, 'ENTRIESADDED', 1)) {
      added = integer(request.text(at + 1))
      if (added < 0) fail('ERR entries_added must be positive')
    } else if (has(request, at, 'MAXDELETEDID', 1)) {
      maxDeleted = readId(request.text(at + 1))
      if (id < maxDeleted) {
        fail('ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id')
      }
    } else fail(texts.syntax)
  }
  const key = request.text(1)
  const stream = session.get(key, 'stream') ?? fail(texts.noKey)
  if (session.broker.since('7.2') && id < stream.maxDeletedId) {
    fail('ERR The ID specified in XSETID is smaller than current max_deleted_entry_id')
  }
  if (stream.length > 0) {
    let top = zeroId
    stream.forEachBackwards(zeroId, maxId, record => {
      top = idOfKey(record.key)
      return false
    })
    if (id < top) {
      fail('ERR The ID specified in XSETID is smaller than the target stream top item')
    }
    if (added !== -1 && stream.length > added) {
      fail('ERR The entries_added specified in XSETID is smaller than the target stream length')
    }
  }
  stream.lastId = id
  // Ids may come now that groups have passed long ago: they look for their places by id again.
  for (const group of stream.groups.values()) group.position = -1
  if (added !== -1) stream.addedOffset = added - stream.next
  if (maxDeleted !== undefined && maxDeleted !== zeroId) stream.maxDeletedId = maxDeleted
  stream.saveMeta()
  session.broker.notify('xsetid', 't', session.database, key)
  session.reply.ok()
}

/** XCFGSET key [IDMP-DURATION seconds] [IDMP-MAXSIZE count]: a change forgets all messages. */
export function xcfgset(session: Session, request: Request): void {
  const stream = session.get(request.text(1), 'stream') ?? fail(texts.noKey)
  const { durationSMax, sizeMax } = idempotenceLimits
  let [duration, size] = [-1, -1]
  for (let at = 2; at < request.count; at += 2) {
    if (has(request, at, 'IDMP-DURATION', 1)) {
      if (duration !== -1) fail('ERR IDMP-DURATION specified multiple times')
      duration = integer(request.text(at + 1))
      if (duration < 1 || duration > durationSMax) {
        fail(`ERR IDMP-DURATION must be between 1 and ${durationSMax} seconds`)
      }
    } else if (has(request, at, 'IDMP-MAXSIZE', 1)) {
      if (size !== -1) fail('ERR IDMP-MAXSIZE specified multiple times')
      size = integer(request.text(at + 1))
      if (size < 1 || size > sizeMax) {
        fail(`ERR IDMP-MAXSIZE must be between 1 and ${sizeMax} entries`)
      }
    } else fail(texts.syntax)
  }
  if (duration === -1 && size === -1) fail('ERR At least one parameter must be specified')
  const { idempotence } = stream
  const isOther =
    (duration !== -1 && duration !== idempotence.durationS) ||
    (size !== -1 && size !== idempotence.sizeMax)
  if (isOther) {
    if (duration !== -1) idempotence.durationS = duration
    if (size !== -1) idempotence.sizeMax = size
    stream.forgetMessages(Infinity)
    stream.saveMeta()
  }
  session.reply.ok()
}
