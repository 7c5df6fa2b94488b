/**
 * XDELEX, XACKDEL (8.2), XNACK (8.8): deletion that minds what groups have pending; giving back.
 * Engine: trim, and the stream's table. A deletion waits for the disk, giving back does not.
 */

import type { Request } from '../../../wire/resp/request.ts'
import { fail, texts } from '../errors.ts'
import type { Id } from '../mapping.ts'
import type { Session } from '../session.ts'
import type { RefPolicy, Stream } from '../stream.ts'
import { policyAt } from './stream-add.ts'
import { groupOrFail } from './stream-group.ts'
import { has, integer, id as readId } from './words.ts'

const outcomes = { missing: -1, deleted: 1, referenced: 2 } as const

/** `[KEEPREF | DELREF | ACKED] IDS count id …`; the ids are read by `idsOf`, after the key. */
function readArguments(session: Session, request: Request, first: number) {
  let policy: RefPolicy | undefined
  let [idsAt, count] = [-1, 0]
  for (let at = first; at < request.count; ) {
    const given = policy === undefined ? policyAt(session, request, at) : undefined
    if (given !== undefined) {
      policy = given
      at++
    } else if (has(request, at, 'IDS', 1)) {
      const text = 'ERR Number of IDs must be a positive integer'
      count = integer(request.text(at + 1), text)
      if (count < 1) fail(text)
      if (count > request.count - at - 2) {
        fail('ERR The `numids` parameter must match the number of arguments')
      }
      idsAt = at + 2
      at = idsAt + count
    } else fail(texts.syntax)
  }
  if (idsAt < 0) fail('ERR IDS option is required')
  return { policy: policy ?? 'KEEPREF', idsAt, count } as const
}

function idsOf(request: Request, { idsAt, count }: { idsAt: number; count: number }): Id[] {
  return Array.from({ length: count }, (_, index) => readId(request.text(idsAt + index)))
}

function answerMissing({ reply }: Session, count: number): void {
  reply.array(count)
  for (let left = count; left > 0; left--) reply.integer(outcomes.missing)
}

/** False: a group still needs the entry. */
function mayGo(stream: Stream, policy: RefPolicy, id: Id): boolean {
  if (policy === 'ACKED') return !stream.isReferenced(id)
  if (policy === 'DELREF') stream.forgetEverywhere(id)
  return true
}

function deleted(session: Session, key: string): void {
  session.broker.notify('xdel', 't', session.database, key)
  session.broker.keys.onChange(session.database, key)
}

export function xdelex(session: Session, request: Request): void {
  const key = request.text(1)
  const stream = session.get(key, 'stream')
  const given = readArguments(session, request, 2)
  if (stream === undefined) return answerMissing(session, given.count)
  const ids = idsOf(request, given)
  session.reply.array(ids.length)
  let removed = 0
  for (const id of ids) {
    let outcome: number = outcomes.referenced
    if (mayGo(stream, given.policy, id)) {
      const isThere = stream.remove([id]).length > 0
      if (isThere) removed++
      outcome = isThere ? outcomes.deleted : outcomes.missing
    }
    session.reply.integer(outcome)
  }
  if (removed > 0) deleted(session, key)
}

export function xackdel(session: Session, request: Request): void {
  const key = request.text(1)
  const stream = session.get(key, 'stream')
  const given = readArguments(session, request, 3)
  const group = stream?.groups.get(request.text(2))
  if (stream === undefined || group === undefined) return answerMissing(session, given.count)
  const ids = idsOf(request, given)
  session.reply.array(ids.length)
  let removed = 0
  for (const id of ids) {
    const pending = group.pending.get(id)
    if (pending === undefined) {
      session.reply.integer(outcomes.missing)
      continue
    }
    stream.forgetPending(group, pending)
    const goes = mayGo(stream, given.policy, id)
    // What is gone from the stream already counts as deleted.
    if (goes && stream.remove([id]).length > 0) removed++
    session.reply.integer(goes ? outcomes.deleted : outcomes.referenced)
  }
  if (removed > 0) deleted(session, key)
}

const modes = ['SILENT', 'FAIL', 'FATAL'] as const

/** The largest count of deliveries: such an entry has failed for good. */
const fatalCount = 2 ** 63

export function xnack(session: Session, request: Request): void {
  const mode = modes.find(name => request.is(3, name))
  if (mode === undefined) fail('ERR mode must be SILENT, FAIL, or FATAL')
  if (!request.is(4, 'IDS')) fail('ERR syntax error, expected IDS keyword')
  const text = 'ERR numids must be a positive integer'
  const count = integer(request.text(5), text)
  if (count < 1) fail(text)
  const end = 6 + count
  if (request.count < end) fail("ERR number of IDs doesn't match numids")
  let [force, retries] = [false, -1]
  for (let at = end; at < request.count; at++) {
    if (request.is(at, 'FORCE')) force = true
    else if (has(request, at, 'RETRYCOUNT', 1)) {
      retries = integer(request.text(++at))
      if (retries < 0) fail('ERR Invalid RETRYCOUNT value, must be >= 0')
    } else fail(`ERR Unrecognized XNACK option '${request.text(at)}'`)
  }
  const ids = idsOf(request, { idsAt: 6, count })
  const [stream, group] = groupOrFail(session, request)
  let released = 0
  for (const id of ids) {
    const pending = group.pending.get(id)
    if (pending === undefined ? !force : pending.consumer === undefined) continue
    const before = pending?.count ?? 0
    const counted = mode === 'FATAL' ? fatalCount : mode === 'SILENT' ? before - 1 : before
    stream.release(group, id, retries >= 0 ? retries : Math.max(0, counted))
    released++
  }
  session.reply.integer(released)
}
