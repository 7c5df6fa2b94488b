/** From the engine's nouns to the API's shapes: pure, and everything borrowed is copied. */

import { decodeUtf8 } from '../base/bytes.ts'
import type { EngineDoor } from '../engine/engine.ts'
import type { LogInfo, StoredRecord } from '../engine/model.ts'
import type { Message, MessageBody, QueueDetail, QueueSummary, QueueTotals } from './contract.ts'
import type { AdminPorts } from './ports.ts'

export const noTotals: QueueTotals = {
  appended: 0,
  delivered: 0,
  settled: 0,
  returned: 0,
  expired: 0,
  deadLettered: 0,
  dropped: 0,
}

export const totalNames = Object.keys(noTotals) as (keyof QueueTotals)[]

export function addTotals(left: QueueTotals, right: QueueTotals): QueueTotals {
  return {
    appended: left.appended + right.appended,
    delivered: left.delivered + right.delivered,
    settled: left.settled + right.settled,
    returned: left.returned + right.returned,
    expired: left.expired + right.expired,
    deadLettered: left.deadLettered + right.deadLettered,
    dropped: left.dropped + right.dropped,
  }
}

export function viewQueue(info: LogInfo): QueueSummary {
  return {
    name: info.name,
    kind: info.config.queue === undefined ? 'log' : 'queue',
    durable: info.config.durable,
    ready: info.ready,
    readyBytes: info.readyBytes,
    leased: info.leased,
    delayed: info.delayed,
    count: info.count,
    bytes: info.bytes,
    subscribers: info.subscribers,
    totals: { ...info.totals },
  }
}

export function viewQueueDetail(engine: EngineDoor, info: LogInfo): QueueDetail {
  const bindings = engine.bindingsOf({ kind: 'log', name: info.name })
  return {
    ...viewQueue(info),
    first: info.first,
    next: info.next,
    config: info.config,
    bindings: bindings.map(({ route, key }) => ({ route, key })),
    groups: engine.groups(info.name).flatMap(name => {
      const group = engine.group(info.name, name)
      return group === undefined ? [] : [{ name, cursor: group.cursor, pending: group.pending }]
    }),
  }
}

export interface MessageOptions {
  readonly attempts: number | null
  readonly bodyBytesMax: number
  readonly properties: AdminPorts['properties']
}

export function viewMessage(record: StoredRecord, options: MessageOptions): Message {
  return {
    position: record.position,
    time: record.time,
    priority: record.priority,
    route: decodeUtf8(record.route),
    key: decodeUtf8(record.key),
    group: record.group ?? null,
    expiresAt: record.expiresAt ?? null,
    attempts: options.attempts,
    properties: options.properties?.(record.format, record.envelope) ?? null,
    deaths: record.deaths.map(({ queue, reason, count, time }) => ({ queue, reason, count, time })),
    body: viewBody(record.body, options.bodyBytesMax),
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text where the bytes are UTF-8, base64 otherwise. */
export function viewBody(body: Uint8Array, bytesMax: number): MessageBody {
  const truncated = body.length > bytesMax
  const shown = truncated ? body.subarray(0, wholeCharacters(body, bytesMax)) : body
  const common = { bytes: body.length, truncated }
  try {
    return { encoding: 'text', data: strictUtf8.decode(shown), ...common }
  } catch {
    const bytes = Buffer.from(shown.buffer, shown.byteOffset, shown.byteLength)
    return { encoding: 'base64', data: bytes.toString('base64'), ...common }
  }
}

/** The largest length up to `end` that does not cut a UTF-8 sequence in two. */
function wholeCharacters(bytes: Uint8Array, end: number): number {
  for (let back = 0; back < 4 && back < end; back++) {
    if ((bytes[end - back]! & 0xc0) !== 0x80) return end - back
  }
  return end
}
