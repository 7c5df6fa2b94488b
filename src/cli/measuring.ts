/**
 * What `bench` and `compare` measure: a backend through the client, from this process. A queue of
 * its own is made, and deleted at the end.
 *
 * ```
 * send     so many sends on their way at a time, each confirmed on its own
 * consume  what was sent, by so many handlers, each message acknowledged
 * latency  one message after the other: from before its send to the begin of its handler
 * ```
 */

import { randomUUID } from 'node:crypto'
import { type Bus, fixed, type Queue, queue } from '../client/client.ts'

export interface Load {
  readonly count: number
  /** Of a body, in bytes. */
  readonly size: number
  /** Sends that are on their way at a time. */
  readonly inFlight: number
  /** Handlers at a time. */
  readonly concurrency: number
}

export interface Percentiles {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface Figures {
  readonly sendsPerSecond: number
  readonly confirmMs: Percentiles
  readonly consumesPerSecond: number
  readonly latencyMs: Percentiles
  /** Handled more than once, which at-least-once allows. */
  readonly duplicates: number
}

export type Phase = 'send' | 'consume' | 'latency'

interface Sample {
  readonly n: number
  readonly pad: string
}

const warmUpCount = 200
const latencyCountMax = 500

/** Rejects when the signal aborts, and deletes its queue all the same. */
export async function measure(
  bus: Bus,
  load: Load,
  {
    signal,
    onProgress,
  }: {
    readonly signal: AbortSignal
    readonly onProgress: (phase: Phase, count: number) => void
  },
): Promise<Figures> {
  const retry = { attempts: 100, backoff: fixed(0) }
  const contract = queue<Sample>(`spillway-bench-${randomUUID().slice(0, 8)}`, {
    dlq: false,
    retry,
  })
  try {
    await bus.prepare(contract)
    await sendAll(bus, contract, { ...load, count: Math.min(warmUpCount, load.count) }, signal)
    const warmUp = { ...load, count: Math.min(warmUpCount, load.count) }
    await consumeAll(bus, contract, warmUp, { signal, onCount: () => {} })
    const sent = await sendAll(bus, contract, load, signal, n => onProgress('send', n))
    const onCount = (n: number) => onProgress('consume', n)
    const consumed = await consumeAll(bus, contract, load, { signal, onCount })
    const latencyMs = await measureLatency(bus, contract, load, signal, n =>
      onProgress('latency', n),
    )
    return {
      sendsPerSecond: (load.count * 1000) / sent.elapsedMs,
      confirmMs: sent.confirmMs,
      consumesPerSecond: (load.count * 1000) / consumed.elapsedMs,
      latencyMs,
      duplicates: consumed.duplicates,
    }
  } finally {
    await bus.drop(contract).catch(() => {})
  }
}

/** A body of about `size` bytes: what it is in JSON counts. */
function sampleOf(n: number, size: number): Sample {
  return { n, pad: 'x'.repeat(Math.max(0, size - 20)) }
}

async function sendAll(
  bus: Bus,
  contract: Queue<Sample>,
  { count, size, inFlight }: Load,
  signal: AbortSignal,
  onCount: (count: number) => void = () => {},
): Promise<{ readonly elapsedMs: number; readonly confirmMs: Percentiles }> {
  const confirms: number[] = []
  let next = 0
  const begunAt = performance.now()
  const sendOneByOne = async (): Promise<void> => {
    while (next < count) {
      signal.throwIfAborted()
      const sentAt = performance.now()
      await bus.send(contract, sampleOf(next++, size))
      confirms.push(performance.now() - sentAt)
      onCount(confirms.length)
    }
  }
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, sendOneByOne))
  return { elapsedMs: performance.now() - begunAt, confirmMs: percentiles(confirms) }
}

async function consumeAll(
  bus: Bus,
  contract: Queue<Sample>,
  { count, concurrency }: Load,
  {
    signal,
    onCount,
  }: {
    readonly signal: AbortSignal
    readonly onCount: (count: number) => void
  },
): Promise<{ readonly elapsedMs: number; readonly duplicates: number }> {
  const seen = new Set<number>()
  let duplicates = 0
  let firstAt: number | undefined
  let finish = (): void => {}
  const handler = ({ n }: Sample): void => {
    firstAt ??= performance.now()
    if (seen.has(n)) duplicates++
    seen.add(n)
    onCount(seen.size)
    if (seen.size === count) finish()
  }
  const worker = bus.consume(contract, handler, { concurrency, prefetch: concurrency * 4 })
  const stopped = untilAborted(signal)
  try {
    const all = new Promise<void>(resolve => {
      finish = resolve
    })
    await Promise.race([all, worker.ended, stopped.promise])
    // The last acknowledgements belong to the work.
    await worker.drain()
    return { elapsedMs: performance.now() - (firstAt ?? performance.now()), duplicates }
  } finally {
    stopped.forget()
    await worker.drain()
  }
}

/** With nothing else on its way: what a message needs, not what a queue makes it wait. */
async function measureLatency(
  bus: Bus,
  contract: Queue<Sample>,
  load: Load,
  signal: AbortSignal,
  onCount: (count: number) => void,
): Promise<Percentiles> {
  const count = Math.min(latencyCountMax, load.count)
  const times: number[] = []
  let arrived = (_: number): void => {}
  const worker = bus.consume(contract, ({ n }) => arrived(n))
  const stopped = untilAborted(signal)
  try {
    await worker.ready
    for (let at = 0; at < count; at++) {
      // Numbers that no message of the phase before has, should one come again.
      const number = load.count + at
      const arrival = new Promise<number>(resolve => {
        arrived = n => {
          if (n === number) resolve(performance.now())
        }
      })
      const sentAt = performance.now()
      await bus.send(contract, sampleOf(number, load.size))
      times.push((await Promise.race([arrival, stopped.promise])) - sentAt)
      onCount(at + 1)
    }
    return percentiles(times)
  } finally {
    stopped.forget()
    await worker.drain()
  }
}

/** Rejects with the signal's reason; `forget` when nobody waits any more. */
function untilAborted(signal: AbortSignal): {
  readonly promise: Promise<never>
  forget(): void
} {
  let stop = (): void => {}
  const promise = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop)
  })
  promise.catch(() => {})
  return { promise, forget: () => signal.removeEventListener('abort', stop) }
}

export function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]
  return { p50: at(0.5) ?? 0, p99: at(0.99) ?? 0, max: sorted.at(-1) ?? 0 }
}
