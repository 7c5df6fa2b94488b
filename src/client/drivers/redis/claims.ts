/** What is pending in a group, and taking over what its consumers have left. */

import { type Entry, readEntries } from './entry.ts'
import { leaseOf, type Source, type StreamRef } from './names.ts'
import type { Store } from './store.ts'

const pendingCount = 1000

export interface PendingEntry {
  readonly id: string
  readonly consumer: string
  readonly idleMs: number
  /** How often it was handed out. */
  readonly count: number
}

export interface Claimed {
  readonly stream: StreamRef
  readonly entry: Entry
  readonly handedOut: number
}

/** In order; at most a thousand from `from` on. */
export async function pendingOf(
  store: Store,
  source: Source,
  stream: StreamRef,
  filter: {
    readonly from?: string | undefined
    readonly idleMs?: number | undefined
    readonly consumer?: string | undefined
  },
): Promise<PendingEntry[]> {
  const { from = '-', idleMs, consumer } = filter
  const rows = await store.link.command([
    ...['XPENDING', stream.key, source.group],
    ...(idleMs === undefined || idleMs === 0 ? [] : ['IDLE', String(idleMs)]),
    ...[from, '+', String(pendingCount)],
    ...(consumer === undefined ? [] : [consumer]),
  ])
  return (rows as [string, string, number, number][]).map(([id, name, idle, count]) => {
    return { id, consumer: name, idleMs: idle, count }
  })
}

/** All of them, a thousand at a time. */
export async function* allPending(
  store: Store,
  source: Source,
  stream: StreamRef,
  filter: { readonly idleMs?: number | undefined; readonly consumer?: string | undefined } = {},
): AsyncGenerator<PendingEntry[]> {
  for (let from = '-'; ; ) {
    const some = await pendingOf(store, source, stream, { ...filter, from })
    if (some.length > 0) yield some
    if (some.length < pendingCount) return
    from = `(${some.at(-1)!.id}`
  }
}

/** Those whose consumer has been silent for longer than its lease. */
export async function silentIn(
  store: Store,
  source: Source,
  stream: StreamRef,
  leaseMs: number,
): Promise<PendingEntry[]> {
  const idle = await pendingOf(store, source, stream, { idleMs: leaseMs })
  return idle.filter(({ consumer, idleMs }) => idleMs >= (leaseOf(consumer) ?? leaseMs))
}

/** Takes it over, unless somebody else was faster; counts as handed out once more. */
export async function claimSilent(
  store: Store,
  where: { readonly source: Source; readonly stream: StreamRef; readonly consumer: string },
  { id, consumer: former, count }: PendingEntry,
  leaseMs: number,
): Promise<Claimed[]> {
  const { source, stream, consumer } = where
  const minIdle = String(leaseOf(former) ?? leaseMs)
  const claim = ['XCLAIM', stream.key, source.group, consumer, minIdle, id]
  const entries = readEntries(source.layout.name, await store.link.bytes(claim))
  return entries.map(entry => ({ stream, entry, handedOut: count + 1 }))
}

/** Takes them whoever has them, with their counts as they are. */
export async function claimAll(
  store: Store,
  where: { readonly source: Source; readonly stream: StreamRef; readonly consumer: string },
  pending: readonly PendingEntry[],
): Promise<Claimed[]> {
  const { source, stream, consumer } = where
  const replies = await Promise.all(
    pending.map(({ id, count }) => {
      const claim = ['XCLAIM', stream.key, source.group, consumer, '0', id]
      return store.link.bytes([...claim, 'RETRYCOUNT', String(count)])
    }),
  )
  return replies.flatMap((reply, index) =>
    readEntries(source.layout.name, reply).map(entry => {
      return { stream, entry, handedOut: pending[index]!.count }
    }),
  )
}
