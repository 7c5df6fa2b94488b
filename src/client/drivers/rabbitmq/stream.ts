/**
 * Reading a topic's history, which is a stream queue: messages stay, and whoever reads names where
 * to begin. The broker does not tell over AMQP where a stream ends, so a reader that wants to end
 * writes a mark, and reads up to it. Marks are shown to nobody.
 */

import type { From, ReadOptions, Stored } from '../../driver.ts'
import { errorOf } from './failures.ts'
import type { Channel, Link } from './link.ts'
import { type Incoming, numberOf, ownHeaders, storedOf, timeOf } from './messages.ts'

const prefetchCount = 256
/** Clocks of producers and of the broker differ by less than that. */
const clockMarginMs = 60_000

type Offset = 'first' | 'next' | number | string

/** A message's place, in words that its producer knows, too: the broker tells it no offset. */
export function positionOf(time: number, id: string): string {
  return `${time}-${id}`
}

/** Writes a mark to the stream, and returns its name. */
export async function writeMark(link: Link, log: string, name: string): Promise<void> {
  const headers = { [ownHeaders.mark]: name }
  const envelope = { exchange: '', routingKey: log, mandatory: true, durable: true, headers }
  const [failure] = await link.publish([{ envelope, body: new Uint8Array(0) }])
  if (failure !== undefined) throw failure
}

/** From an offset on, with the offset of each; opened again after a loss where it was. */
async function* follow(
  link: Link,
  log: string,
  from: Offset,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ readonly offset: number; readonly message: Incoming }, void, undefined> {
  let next: Offset = from
  while (signal?.aborted !== true && !link.isClosed) {
    const reader = new Reader()
    const wake = (): void => reader.wake()
    signal?.addEventListener('abort', wake)
    let channel: Channel | undefined
    try {
      channel = await link.channel()
      await reader.open(channel, log, next)
      for (;;) {
        const message = await reader.next(signal)
        if (message === undefined) break
        const offset = numberOf(message, 'x-stream-offset') ?? 0
        yield { offset, message }
        next = offset + 1
        reader.done(message)
      }
    } catch (error) {
      const failure = errorOf(error, log)
      if (!failure.retryable || link.isClosed) throw failure
    } finally {
      signal?.removeEventListener('abort', wake)
      await channel?.close()
    }
  }
}

class Reader {
  #arrived: Incoming[] = []
  #first = 0
  #wake: (() => void) | undefined
  #channel: Channel | undefined

  async open(channel: Channel, log: string, from: Offset): Promise<void> {
    this.#channel = channel
    await channel.basicQos({ prefetchCount })
    channel.on('close', () => this.wake())
    channel.on('basic.cancel', () => void channel.close())
    const settings = { 'x-stream-offset': from }
    await channel.basicConsume({ queue: log, arguments: settings }, message => {
      this.#arrived.push(message)
      this.wake()
    })
  }

  wake(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  /** Undefined: the reading is over, or the channel is gone. */
  async next(signal: AbortSignal | undefined): Promise<Incoming | undefined> {
    while (this.#first === this.#arrived.length) {
      if (signal?.aborted === true || this.#channel?.active !== true) return undefined
      this.#arrived = []
      this.#first = 0
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    return signal?.aborted === true ? undefined : this.#arrived[this.#first++]
  }

  done({ deliveryTag }: Incoming): void {
    if (this.#channel?.active) this.#channel.basicAck({ deliveryTag })
  }
}

/** `mark` is the name of one that this reading may write. */
export async function* readStream(
  link: Link,
  log: string,
  options: ReadOptions & { readonly now: number; readonly mark: string },
): AsyncGenerator<Stored, void, undefined> {
  const { from, to, signal, now, mark } = options
  const isEndless = to === 'forever'
  if (!isEndless) {
    if (from === 'latest') return
    await writeMark(link, log, mark)
  }
  const isLast = lastOf(to)
  const isFirst = firstOf(from)
  let hasBegun = false
  for await (const { message } of follow(link, log, offsetOf(from, now), signal)) {
    const marked: unknown = message.headers?.[ownHeaders.mark]
    if (marked === mark) return
    if (marked !== undefined) continue
    const stored = eventOf(message)
    hasBegun ||= isFirst(stored)
    if (!hasBegun) continue
    const end = isLast(stored)
    if (end === 'before') return
    yield stored
    if (end === 'here') return
  }
}

export function eventOf(message: Incoming): Stored {
  const id = message.messageId ?? ''
  return storedOf(message, positionOf(timeOf(message), id))
}

function offsetOf(from: From, now: number): Offset {
  if (from === 'earliest') return 'first'
  if (from === 'latest') return 'next'
  const time = 'timestamp' in from ? from.timestamp : timeOfPosition(from.position)
  const agoSeconds = Math.ceil((now - time + clockMarginMs) / 1000)
  // The broker counts an interval back from its own now.
  return agoSeconds > 0 && time > 0 ? `${agoSeconds}s` : 'first'
}

function timeOfPosition(position: string): number {
  const time = Number(position.slice(0, position.indexOf('-')))
  return Number.isFinite(time) ? time : 0
}

function firstOf(from: From): (event: Stored) => boolean {
  if (typeof from === 'string') return () => true
  if ('timestamp' in from) return ({ time }) => time >= from.timestamp
  const time = timeOfPosition(from.position)
  // Where that event is gone, it begins with those after it.
  return event => event.position === from.position || event.time > time + clockMarginMs
}

function lastOf(to: ReadOptions['to']): (event: Stored) => 'before' | 'here' | 'later' {
  if (typeof to === 'string') return () => 'later'
  if ('timestamp' in to) return ({ time }) => (time > to.timestamp ? 'before' : 'later')
  return ({ position }) => (position === to.position ? 'here' : 'later')
}
