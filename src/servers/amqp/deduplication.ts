/**
 * What exchanges remember of the messages that came by: a durable table for each exchange, id →
 * the wall-clock time at which it may come again. The engine's table keeps the order of insertion,
 * so the oldest is the first. An id and its message are one effect, see `publish.ts`.
 */

import type { EngineDoor } from '../../engine/engine.ts'
import type { Deduplication } from './exchange-types.ts'

export function deduplicationTable(route: string): string {
  return `amqp-seen-${route}`
}

/** True when the id is not remembered; then it is from now on. */
export function isNew(
  engine: EngineDoor,
  route: string,
  by: Deduplication,
  seen: { readonly id: string; readonly ttlMs: number | undefined },
): boolean {
  const name = deduplicationTable(route)
  if (engine.table(name) === undefined) engine.createTable(name)
  const ids = engine.table(name)!
  const until = ids.get(seen.id)
  if (until !== undefined && timeOf(until) > engine.now) return false
  const changes: [string, Uint8Array | undefined][] = []
  if (until !== undefined) changes.push([seen.id, undefined])
  const oldest = ids.keys().next()
  if (ids.size >= by.countMax && oldest.done !== true) changes.push([oldest.value, undefined])
  const ttlMs = seen.ttlMs ?? by.ttlMs
  changes.push([seen.id, timeBytes(ttlMs === undefined ? Infinity : engine.now + ttlMs)])
  return engine.put(name, changes).ok
}

function timeBytes(time: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, time)
  return bytes
}

function timeOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0)
}
