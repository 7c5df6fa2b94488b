/**
 * Looking at messages without touching them: pages in either direction, a time to begin at, and a
 * search that looks at a bounded number of records, a few in each turn of the event loop, and
 * answers with the place to go on from.
 */

import type { ReadFrom } from '../engine/engine.ts'
import type { Outcome } from '../engine/errors.ts'
import { done } from '../engine/errors.ts'
import type { StoredRecord } from '../engine/model.ts'
import type { Browse, Message, MessageDetail, Step } from './contract.ts'
import { adminLimits } from './limits.ts'
import type { AdminPorts, Described } from './ports.ts'
import { describe, viewDescribed } from './views.ts'

export const searchPlaces = ['id', 'key', 'header', 'body'] as const
export type SearchPlace = (typeof searchPlaces)[number]

export interface BrowseQuery {
  readonly from: 'oldest' | 'newest'
  /** Milliseconds since 1970; with `oldest` only. */
  readonly time: number | undefined
  readonly cursor: number | undefined
  readonly limit: number
  readonly search: string
  readonly places: readonly SearchPlace[]
  readonly state: string | undefined
  readonly bodyBytesMax: number
}

export async function browse(
  ports: AdminPorts,
  name: string,
  query: BrowseQuery,
  isGone: () => boolean,
): Promise<Outcome<Browse>> {
  const { engine, clock } = ports
  const matches = matcher(query)
  const messages: Message[] = []
  let at: ReadFrom = startOf(query)
  let scanned = 0
  let bytes = 0
  for (;;) {
    const isPlain = query.search === '' && query.state === undefined
    const chunk = engine.read(name, at, {
      countMax: isPlain ? query.limit - messages.length : adminLimits.scanStepRecords,
      bytesMax: adminLimits.scanStepBytes,
    })
    if (!chunk.ok) return chunk
    const positions = chunk.value.map(({ position }) => position)
    const standings = engine.standings(name, positions)
    let cursor: number | undefined
    for (const [index, record] of chunk.value.entries()) {
      if (messages.length >= query.limit) break
      cursor = query.from === 'newest' ? record.position : record.position + record.span
      scanned++
      bytes += record.body.length
      const standing = standings[index]
      if (query.state !== undefined && standing?.state !== query.state) continue
      for (const [part, described] of describe(ports, record).entries()) {
        if (!matches(described)) continue
        const { bodyBytesMax } = query
        messages.push(viewDescribed(record, described, part, { standing, bodyBytesMax }))
      }
    }
    if (cursor === undefined) return done({ messages, cursor: null, scanned })
    at = query.from === 'newest' ? { before: cursor } : { position: cursor }
    const isEnough =
      messages.length >= query.limit ||
      scanned >= adminLimits.scanRecordsMax ||
      bytes >= adminLimits.scanBytesMax
    if (isEnough || isGone()) return done({ messages, cursor, scanned })
    await new Promise<void>(resolve => clock.soon(resolve))
  }
}

function startOf({ from, time, cursor }: BrowseQuery): ReadFrom {
  if (from === 'newest') return { before: cursor ?? Number.MAX_SAFE_INTEGER }
  if (cursor !== undefined) return { position: cursor }
  return time === undefined ? { position: 0 } : { time }
}

/** True for what holds the text, in whatever case, in one of the places. */
export function matcher(query: {
  readonly search: string
  readonly places: readonly SearchPlace[]
}): (message: Described) => boolean {
  const needle = query.search.toLowerCase()
  if (needle === '') return () => true
  const places = new Set(query.places)
  const has = (text: string): boolean => text.toLowerCase().includes(needle)
  return message =>
    (places.has('id') && has(message.id)) ||
    (places.has('key') && has(message.key)) ||
    (places.has('header') && message.properties !== null && has(valuesOf(message.properties))) ||
    (places.has('body') && has(textOf(message.body)))
}

function valuesOf(properties: Described['properties']): string {
  return JSON.stringify(properties)
}

function textOf(body: Uint8Array): string {
  const { buffer, byteOffset, length } = body
  const most = Math.min(length, adminLimits.searchBytesMax)
  return Buffer.from(buffer, byteOffset, most).toString('utf8')
}

/** One message, whole, and its way as far as the broker knows it. */
export function messageDetail(
  ports: AdminPorts,
  name: string,
  place: { readonly position: number; readonly index: number; readonly bodyBytesMax: number },
): MessageDetail | undefined {
  const { position, index, bodyBytesMax } = place
  const found = ports.engine.read(name, { position }, { countMax: 1, bytesMax: 1 })
  const record = found.ok ? found.value[0] : undefined
  // A position inside a record that holds several is answered with that record.
  const isThere = record !== undefined && position < record.position + record.span
  const described = isThere ? describe(ports, record)[index] : undefined
  if (!isThere || described === undefined || record.position > position) return undefined
  const [standing] = ports.engine.standings(name, [record.position])
  const message = viewDescribed(record, described, index, { standing, bodyBytesMax })
  return { message, way: wayOf(ports, name, record, message) }
}

function wayOf(
  ports: AdminPorts,
  name: string,
  record: StoredRecord,
  message: Message,
): readonly Step[] {
  const steps: Step[] = []
  const first = record.deaths.at(-1)
  const route = first?.route ?? message.route
  const keys = first?.keys ?? [message.key, ...record.moreKeys]
  const by = route === '' ? '' : ` to “${route}”`
  const named = keys.filter(key => key !== '').map(key => `“${key}”`)
  const withKey = named.length === 0 || route === '' ? '' : ` with the key ${named.join(', ')}`
  steps.push({
    at: first === undefined ? record.time : null,
    what: 'published',
    text: `Published${by}${withKey}.`,
  })
  for (const death of [...record.deaths].reverse()) {
    const times = death.count > 1 ? `, ${death.count} times` : ''
    steps.push({ at: null, what: 'routed', text: `Came to “${death.queue}”.` })
    steps.push({
      at: death.time,
      what: 'died',
      text: `${deathTexts[death.reason]} in “${death.queue}”${times}: a dead letter.`,
    })
  }
  const bindings = ports.engine
    .bindingsOf({ kind: 'log', name })
    .filter(binding => binding.route === message.route)
  const bound = bindings.map(({ key }) => `“${key}”`).join(', ')
  const through =
    message.route === ''
      ? 'directly, by its name'
      : `from “${message.route}”${bound === '' ? '' : `, bound with ${bound}`}`
  steps.push({ at: record.time, what: 'routed', text: `Came to “${name}” ${through}.` })
  const { attempts, state } = message
  if (attempts !== null && attempts > (state === 'leased' ? 1 : 0)) {
    const before = state === 'leased' ? attempts - 1 : attempts
    const times = before === 1 ? 'once' : `${before} times`
    steps.push({
      at: null,
      what: 'returned',
      text: `Handed out ${times} before, and given back or not acknowledged.`,
    })
  }
  const [standing] = ports.engine.standings(name, [record.position])
  if (standing?.state === 'leased') {
    const until = standing.until === undefined ? 'as long as it is connected' : 'for a while'
    steps.push({
      at: standing.leasedAt ?? null,
      what: 'leased',
      text: `Handed to ${standing.holder}, who has it ${until}.`,
    })
  }
  if (standing?.state === 'delayed') {
    steps.push({ at: standing.until ?? null, what: 'waits', text: 'Waits until then.' })
  }
  if (record.expiresAt !== undefined) {
    steps.push({ at: record.expiresAt, what: 'expires', text: 'Expires, if it is still here.' })
  }
  return steps
}

const deathTexts = {
  rejected: 'Rejected',
  expired: 'Expired',
  length: 'Pushed out by the length limit',
  attempts: 'Tried too often',
} as const
