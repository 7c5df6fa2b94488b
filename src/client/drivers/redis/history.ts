/** Reading a topic's events in order, from a place, once or for ever. */

import type { From, ReadOptions, Stored } from '../../driver.ts'
import { readEntries, storedOf } from './entry.ts'
import type { Link, Reply } from './link.ts'
import type { Store } from './store.ts'

const readCount = 256
const blockMs = 1000
const sequenceMax = '18446744073709551615'
const nothingYet = '0-0'

/** The id after which a group or a reader that begins at `from` begins. */
export function idBefore(from: From): string {
  if (from === 'earliest') return nothingYet
  if (from === 'latest') return '$'
  if ('timestamp' in from) return before(Math.max(0, from.timestamp), 0n)
  const [time, sequence = '0'] = from.position.split('-')
  return before(Number(time), BigInt(sequence))
}

function before(time: number, sequence: bigint): string {
  if (sequence > 0n) return `${time}-${sequence - 1n}`
  return time === 0 ? nothingYet : `${time - 1}-${sequenceMax}`
}

async function lastId(store: Store, key: string): Promise<string> {
  const [entry] = (await store.link.command(['XREVRANGE', key, '+', '-', 'COUNT', '1'])) as [
    string,
    unknown,
  ][]
  return entry?.[0] ?? nothingYet
}

export async function* readHistory(
  store: Store,
  name: string,
  options: ReadOptions,
): AsyncGenerator<Stored, void, undefined> {
  const { from, to, signal } = options
  const newest = from === 'latest' || to === 'latest' ? await lastId(store, name) : nothingYet
  let last = from === 'latest' ? newest : idBefore(from)
  if (to === 'forever') {
    yield* readForever(store, name, last, signal)
    return
  }
  const end = to === 'latest' ? newest : 'position' in to ? to.position : String(to.timestamp)
  while (!isAborted(signal)) {
    const range = ['XRANGE', name, `(${last}`, end, 'COUNT', String(readCount)]
    const entries = readEntries(name, await store.link.bytes(range))
    for (const entry of entries) {
      if (isAborted(signal)) return
      yield storedOf(entry, entry.id)
      last = entry.id
    }
    if (entries.length < readCount) return
  }
}

/** On a connection of its own, because it waits there. */
async function* readForever(
  store: Store,
  name: string,
  after: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Stored, void, undefined> {
  const link = await store.openLink()
  const stop = () => link.close()
  signal?.addEventListener('abort', stop)
  try {
    let last = after
    while (!isAborted(signal) && !link.isClosed) {
      const reply = await nextOf(link, name, last)
      if (reply === undefined) continue
      for (const entry of readEntries(name, reply)) {
        if (isAborted(signal)) return
        yield storedOf(entry, entry.id)
        last = entry.id
      }
    }
  } finally {
    signal?.removeEventListener('abort', stop)
    link.close()
  }
}

/** Undefined: nothing yet, or the connection broke, or we closed it. */
async function nextOf(link: Link, name: string, last: string): Promise<Reply | undefined> {
  const options = ['COUNT', String(readCount), 'BLOCK', String(blockMs)]
  try {
    const reply = await link.bytes(['XREAD', ...options, 'STREAMS', name, last])
    return (reply as [Buffer, Reply][] | null)?.[0]?.[1]
  } catch (error) {
    if ((error as { retryable?: boolean }).retryable === true) return undefined
    if (link.isClosed) return undefined
    throw error
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}
