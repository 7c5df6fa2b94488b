/**
 * Publishing with confirms, on a channel of its own: what is published in one turn is written at
 * its end, as one piece, and each message's fate is told by a call.
 *
 * It writes its own frames into the library's channel, and counts its own confirms, which touches
 * members of the library that are not public. Where a later version of it is built otherwise, and
 * for messages that only the library can write, it publishes as the library's documentation says.
 */

import type { Channel } from 'rabbitmq-client'
import type { Clock } from '../../../engine/ports.ts'
import { errorOf, noQueue } from './failures.ts'
import { FrameWriter, isEncodable } from './frames.ts'
import type { Envelope, Incoming, Publication } from './messages.ts'

/** Undefined: confirmed. */
export type Told = (error: Error | undefined) => void

interface Waiting {
  readonly publication: Publication
  readonly told: Told
}

/** Written in pieces of about this size, so that the socket can say that it is enough. */
const pieceBytes = 128 * 1024

interface Pending {
  resolve(): void
  reject(error: Error): void
}

/** What the library keeps in a channel. */
interface Insides {
  readonly id: number
  readonly _state: {
    readonly maxFrameSize: number
    /** By the number that the broker confirms. */
    readonly unconfirmed: Map<number, Pending>
    deliveryCount: number
    readonly stream: {
      write(pieces: Iterator<Buffer>, written: (error?: Error | null) => void): boolean
    }
  }
}

function insidesOf(channel: Channel): Insides | undefined {
  const { id, _state: state } = channel as unknown as Partial<Insides>
  const isKnown =
    typeof id === 'number' &&
    state?.unconfirmed instanceof Map &&
    typeof state.deliveryCount === 'number' &&
    typeof state.maxFrameSize === 'number' &&
    typeof state.stream?.write === 'function'
  return isKnown ? (channel as unknown as Insides) : undefined
}

export class Publisher {
  readonly #clock: Clock
  readonly #openChannel: () => Promise<Channel>
  /** Only our own frames go here: its numbers are ours to count. */
  #fast: Promise<Channel> | undefined
  #plain: Promise<Channel> | undefined
  #writer: FrameWriter | undefined
  #waiting: Waiting[] = []
  #confirmed: Waiting[] = []
  readonly #returned = new Set<string>()

  constructor(clock: Clock, openChannel: () => Promise<Channel>) {
    this.#clock = clock
    this.#openChannel = openChannel
  }

  /** In order of the calls. `told` is called in a later turn. */
  publish(publication: Publication, told: Told): void {
    if (!isEncodable(publication.envelope)) {
      void this.#publishPlain(publication, told)
      return
    }
    this.#waiting.push({ publication, told })
    if (this.#waiting.length > 1) return
    this.#clock.soon(() => void this.#flush())
  }

  async #flush(): Promise<void> {
    let channel: Channel
    try {
      this.#fast ??= this.#open(() => {
        this.#fast = undefined
      })
      channel = await this.#fast
    } catch (error) {
      this.#fast = undefined
      for (const { told } of this.#waiting.splice(0)) told(errorOf(error, 'the broker'))
      return
    }
    const batch = this.#waiting
    if (batch.length === 0) return
    this.#waiting = []
    const insides = insidesOf(channel)
    if (insides === undefined || !channel.active) {
      for (const { publication, told } of batch) void this.#publishPlain(publication, told)
      return
    }
    this.#writer ??= new FrameWriter(insides.id, insides._state.maxFrameSize)
    this.#write(insides, this.#writer, batch)
  }

  #write({ _state: state }: Insides, writer: FrameWriter, batch: readonly Waiting[]): void {
    const pieces: Buffer[] = []
    for (const waiting of batch) {
      try {
        writer.put(waiting.publication)
      } catch (error) {
        waiting.told(errorOf(error, waiting.publication.envelope.routingKey ?? ''))
        continue
      }
      // Its number is taken before it is written: a confirm can be no earlier.
      state.unconfirmed.set(state.deliveryCount++, this.#pending(waiting))
      if (writer.length >= pieceBytes) pieces.push(writer.take())
    }
    if (writer.length > 0) pieces.push(writer.take())
    // When it cannot be written, the channel closes, and with it all that is unconfirmed fails.
    state.stream.write(pieces.values(), () => {})
  }

  #pending(waiting: Waiting): Pending {
    return {
      resolve: () => this.#confirm(waiting),
      reject: error => {
        waiting.told(errorOf(error, waiting.publication.envelope.routingKey ?? ''))
      },
    }
  }

  /**
   * The library tells of what could not be routed one turn after its confirm. All that were
   * confirmed in one turn go on together, so that what follows from them is written together.
   */
  #confirm(waiting: Waiting): void {
    this.#confirmed.push(waiting)
    if (this.#confirmed.length > 1) return
    this.#clock.soon(() => {
      const confirmed = this.#confirmed
      this.#confirmed = []
      for (const { publication, told } of confirmed) told(this.#returnOf(publication.envelope))
    })
  }

  #returnOf(envelope: Envelope): Error | undefined {
    if (this.#returned.size === 0 || !this.#returned.delete(returnKey(envelope))) return undefined
    return noQueue(envelope.routingKey ?? '')
  }

  async #publishPlain(publication: Publication, told: Told): Promise<void> {
    const { envelope, body } = publication
    try {
      this.#plain ??= this.#open(() => {
        this.#plain = undefined
      })
      const channel = await this.#plain
      await channel.basicPublish(envelope, bufferOf(body))
      this.#confirm({ publication, told })
    } catch (error) {
      told(errorOf(error, envelope.routingKey ?? ''))
    }
  }

  async #open(closed: () => void): Promise<Channel> {
    try {
      const channel = await this.#openChannel()
      channel.on('close', () => {
        closed()
        this.#writer = undefined
        this.#returned.clear()
      })
      channel.on('basic.return', message => this.#returned.add(returnKey(message)))
      await channel.confirmSelect()
      return channel
    } catch (error) {
      closed()
      throw error
    }
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function returnKey({ messageId, routingKey }: Envelope | Incoming): string {
  return `${routingKey} ${messageId}`
}
