/** From the engine's nouns to the API's shapes: pure, and everything borrowed is copied. */

import { decodeUtf8 } from '../base/bytes.ts'
import { formats, type LogInfo, type Standing, type StoredRecord } from '../engine/model.ts'
import type { Message, MessageBody, Protocol, QueueTotals, Rates } from './contract.ts'
import type { AdminPorts, Described } from './ports.ts'

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

export const noRates: Rates = { in: 0, out: 0, settled: 0, returned: 0, dead: 0 }

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

export function protocolOf(ports: AdminPorts, info: LogInfo): Protocol {
  return ports.protocolOf?.(info) ?? 'engine'
}

export interface MessageOptions {
  readonly standing: Standing | undefined
  readonly attempts?: number
  readonly bodyBytesMax: number
}

/** A record's messages: one, but for a batch that is stored as one record. */
export function viewMessages(
  ports: AdminPorts,
  record: StoredRecord,
  options: MessageOptions,
): Message[] {
  return describe(ports, record).map((described, index) =>
    viewDescribed(record, described, index, options),
  )
}

/** What a record holds, in its protocol's words where they are known. */
export function describe(ports: AdminPorts, record: StoredRecord): readonly Described[] {
  return ports.describe?.(record) ?? [plain(record)]
}

function plain(record: StoredRecord): Described {
  return {
    id: String(record.position),
    time: record.time,
    key: decodeUtf8(record.key),
    properties: null,
    body: record.body,
  }
}

const formatNames = new Map<number, string>(
  Object.entries(formats).map(([name, number]) => [number, name]),
)

export function viewDescribed(
  record: StoredRecord,
  described: Described,
  index: number,
  { standing, attempts, bodyBytesMax }: MessageOptions,
): Message {
  const counted = standing === undefined || standing.state === 'kept' ? null : standing.attempts
  return {
    position: record.position,
    index,
    id: described.id,
    state: standing?.state ?? 'unknown',
    holder: standing?.holder ?? null,
    until: standing?.until ?? null,
    time: described.time,
    priority: record.priority,
    route: decodeUtf8(record.route),
    key: described.key,
    group: record.group ?? null,
    expiresAt: record.expiresAt ?? null,
    attempts: attempts ?? counted,
    format: formatNames.get(record.format) ?? String(record.format),
    properties: described.properties,
    deaths: record.deaths.map(({ queue, reason, count, time }) => ({ queue, reason, count, time })),
    body: viewBody(described.body, bodyBytesMax),
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
