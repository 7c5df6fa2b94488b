/**
 * A reader of a stream queue, which is a log without settlements: every reader gets every record,
 * from where it asked to begin. Its place is in memory only; where it was, the client remembers.
 * An acknowledgement means nothing but credit, whatever its kind.
 *
 * While it has credit it watches the log for its next position; otherwise for the log's end.
 */

import type { LogInfo, StoredRecord } from '../../engine/model.ts'
import { formats } from '../../engine/model.ts'
import { decodeProperties, noProperties, writeDeliver } from '../../wire/amqp/content.ts'
import { WireError } from '../../wire/schema/errors.ts'
import { type ChannelConsumer, Holder } from './consumer.ts'
import { fail } from './errors.ts'
import { isForeign, messagesOf } from './foreign.ts'
import { streamProperties } from './headers.ts'
import { limits } from './limits.ts'
import { shortStringBytes } from './names.ts'
import { exchangeOf, routingKeyOf } from './outgoing.ts'
import type { Channel } from './session.ts'
import { passes, type StreamFilter, type StreamFrom } from './stream-arguments.ts'

export interface StreamOptions {
  readonly tag: string
  readonly prefetch: number
  readonly from: StreamFrom
  readonly filter: StreamFilter | undefined
  readonly exclusive: boolean
  readonly singleActive: boolean
}

/** All readers of all streams, by the engine's name of the log, in the order they came. */
export class StreamReaders {
  readonly #byLog = new Map<string, StreamConsumer[]>()

  count(log: string): number {
    return this.#byLog.get(log)?.length ?? 0
  }

  add(reader: StreamConsumer): void {
    const readers = this.#byLog.get(reader.target.log)
    if (readers === undefined) this.#byLog.set(reader.target.log, [reader])
    else readers.push(reader)
  }

  /** Of a stream with a single active consumer the next one goes on. */
  remove(reader: StreamConsumer): void {
    const readers = this.#byLog.get(reader.target.log) ?? []
    const left = readers.filter(other => other !== reader)
    if (left.length === 0) this.#byLog.delete(reader.target.log)
    else this.#byLog.set(reader.target.log, left)
    if (readers[0] === reader) left[0]?.refresh()
  }

  first(log: string): StreamConsumer | undefined {
    return this.#byLog.get(log)?.[0]
  }
}

export class StreamConsumer extends Holder implements ChannelConsumer {
  readonly tag: string
  readonly exclusive: boolean
  readonly #options: StreamOptions
  readonly #tagBytes: Uint8Array
  #next = 0
  #credit: number
  #over = false
  #watch: { cancel(): void } | undefined

  constructor(channel: Channel, log: string, options: StreamOptions) {
    super(channel, log, channel.nextHolder())
    this.tag = options.tag
    this.exclusive = options.exclusive
    this.#options = options
    this.#tagBytes = shortStringBytes(options.tag)
    this.#credit = options.prefetch
  }

  get #readers(): StreamReaders {
    return this.channel.host.broker.streamReaders
  }

  begin(info: LogInfo): void {
    this.#next = this.#positionOf(info, this.#options.from)
    this.#readers.add(this)
    this.refresh()
  }

  #positionOf(info: LogInfo, from: StreamFrom): number {
    if ('at' in from) {
      if (from.at === 'first') return info.first
      return from.at === 'next' ? info.next : Math.max(info.first, info.next - 1)
    }
    if ('offset' in from) return Math.max(info.first, Math.min(from.offset, info.next))
    const { engine } = this.channel.host.broker
    const time = 'time' in from ? from.time : engine.now - from.ageMs
    const outcome = engine.read(info.name, { time }, { countMax: 1, bytesMax: 1 })
    return (outcome.ok ? outcome.value[0]?.position : undefined) ?? info.next
  }

  /** Looks at the peer, the channel's window and its credit again. */
  refresh(): void {
    if (this.#over) return
    this.#watch?.cancel()
    const position = this.#mayRead ? this.#next : Number.MAX_SAFE_INTEGER
    const { engine } = this.channel.host.broker
    const outcome = engine.watch(this.target.log, position, () => this.#wake())
    this.#watch = outcome.ok ? outcome.value : undefined
  }

  get #mayRead(): boolean {
    const { channel, target } = this
    if (this.#credit <= 0 || channel.host.congested || channel.windowFull) return false
    return !this.#options.singleActive || this.#readers.first(target.log) === this
  }

  end(): void {
    if (this.#over) return
    this.#over = true
    this.#watch?.cancel()
    this.#readers.remove(this)
  }

  /** Nothing is settled in a stream. */
  override settle(): void {}

  override settled(count: number): void {
    this.channel.outstanding -= count
    this.#credit += count
    this.refresh()
  }

  #wake(): void {
    if (this.#over) return
    const { channel, target } = this
    const { host } = channel
    if (host.broker.engine.log(target.log) === undefined) {
      this.end()
      channel.consumerEnded(this)
      return
    }
    if (this.#mayRead) this.#read()
    this.refresh()
  }

  #read(): void {
    const { channel, target } = this
    const countMax = Math.min(this.#credit, limits.streamBatch)
    const bounds = { countMax, bytesMax: limits.streamBatchBytes }
    const outcome = channel.host.broker.engine.read(target.log, { position: this.#next }, bounds)
    if (!outcome.ok) return
    for (const record of outcome.value) {
      for (const message of this.#messagesOf(record)) {
        // A batch may have been left in the middle.
        if (message.position < this.#next) continue
        if (channel.windowFull || this.#credit <= 0) return
        this.#next = message.position + message.span
        if (this.#wants(message)) this.#deliver(message)
      }
      this.#next = record.position + record.span
    }
  }

  #messagesOf(record: StoredRecord): readonly StoredRecord[] {
    const { readPlain } = this.channel.host.broker.options
    if (readPlain === undefined || !isForeign(record)) return [record]
    return messagesOf(record, readPlain, this.target.log)
  }

  #wants(record: StoredRecord): boolean {
    const { filter } = this.#options
    if (filter === undefined) return true
    try {
      return passes(filter, decodeProperties(envelopeOf(record)).headers ?? [])
    } catch (error) {
      if (error instanceof WireError) return filter.unfiltered
      throw error
    }
  }

  #deliver(record: StoredRecord): void {
    const { channel } = this
    const { host } = channel
    const tag = channel.unacked.add(record.position, this)
    channel.outstanding++
    this.#credit--
    const exchange = exchangeOf(record, host)
    const routingKey = routingKeyOf(record, host)
    const properties = streamProperties(envelopeOf(record), record.position)
    writeDeliver(
      host.outbox.writer,
      channel.number,
      this.#tagBytes,
      tag,
      false,
      exchange,
      routingKey,
      properties,
      record.body,
      host.frameMax,
    )
    host.delivered()
    const { firehose } = host.broker
    if (firehose.traces(host.vhost)) {
      const passing = { exchange, routingKey, properties, body: record.body }
      firehose.delivered(channel, passing, this.target.log, false)
    }
  }
}

function envelopeOf(record: StoredRecord): Uint8Array {
  return record.format === formats.amqpProperties ? record.envelope : noProperties
}

/** Throws RabbitMQ's refusal of a reader that does not limit what it takes. */
export function checkStreamConsume(
  what: string,
  request: { readonly noAck: boolean },
  limit: { readonly prefetch: number },
): void {
  if (limit.prefetch === 0) fail(406, `consumer prefetch count is not set for stream ${what}`)
  if (request.noAck) fail(540, `automatic acknowledgement not supported by stream ${what}`)
}
