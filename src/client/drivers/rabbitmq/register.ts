/**
 * What a queue's users must agree on and the broker does not keep: how the queue was set up, which
 * wait queues it has, and corrections to the broker's counts of attempts. It is one message in a
 * queue of its own, which is at most one message long. Who reads it takes it and gives it back; who
 * changes it takes it, stores the new one, and acknowledges the old one: nobody else has it
 * meanwhile. Who crashes in between gives the old one back, and the length limit drops it when the
 * new one is there.
 *
 * Losing it would cost no message: some attempts would be counted wrong, and the depth would not
 * know of some delayed messages.
 */

import { decodeUtf8, encodeUtf8 } from '../../../base/bytes.ts'
import type { DriverContext } from '../../driver.ts'
import { errorOf } from './failures.ts'
import type { Channel, Link, Settings } from './link.ts'
import { bodyOf, type Incoming } from './messages.ts'
import { registerName } from './names.ts'

export interface Correction {
  /** To be added to what the broker counts. */
  readonly attempts: number
  /** Wall-clock milliseconds before which it is not handed out. */
  readonly dueAt: number
  /** When this was written, to forget what is too old. */
  readonly at: number
}

export interface Content {
  /** As the queue or topic was made, for those who come with another contract. */
  readonly setup: string
  /** Names of wait queues. */
  readonly waits: readonly string[]
  /** Of a topic. */
  readonly groups: readonly string[]
  /** By message id. */
  readonly corrections: { readonly [id: string]: Correction }
}

/** A change of one message's correction. */
export interface Note {
  readonly id: string
  /** `forget`: it was stored again, or is done with. */
  readonly attempts: number | 'forget'
  readonly dueAt: number
}

const empty: Content = { setup: '', waits: [], groups: [], corrections: {} }

/** Somebody else has it for a few round trips, not for longer. */
const triesMax = 200
const correctionsMax = 10_000
const correctionMs = 24 * 3_600_000

export class Register {
  readonly #link: Link
  readonly #context: DriverContext
  readonly queue: string
  readonly #notes: { readonly note: Note; resolve(): void; reject(error: Error): void }[] = []
  #isNoting = false

  constructor(link: Link, context: DriverContext, base: string) {
    this.#link = link
    this.#context = context
    this.queue = registerName(base)
  }

  /**
   * What is there already; else `make` is called, and then `setup` written. One client makes at a
   * time: the broker answers who declares a queue a second time before the first one has it.
   */
  async open(setup: string, make: () => Promise<void>): Promise<Content> {
    if ((await this.#link.find(this.queue)) !== undefined) return this.read()
    return this.#link.alone(`${this.queue}~making`, async () => {
      if ((await this.#link.find(this.queue)) !== undefined) return this.read()
      await make()
      const content = { ...empty, setup }
      await this.#link.ask(this.queue, async channel => {
        const settings: Settings = { 'x-queue-type': 'classic', 'x-max-length': 1 }
        await channel.queueDeclare({ queue: this.queue, durable: true, arguments: settings })
        await this.#store(channel, content)
      })
      return content
    })
  }

  /** Nothing, where a queue was made by others. */
  async read(): Promise<Content> {
    try {
      return await this.#link.ask(this.queue, async channel => {
        const message = await this.#take(channel)
        if (message === undefined) return empty
        channel.basicNack({ deliveryTag: message.deliveryTag, requeue: true })
        return contentOf(message)
      })
    } catch (error) {
      if (errorOf(error, this.queue).code === 'SPILLWAY_E_NOT_FOUND') return empty
      throw error
    }
  }

  /** `change` returns undefined to leave it as it is. */
  update(change: (content: Content) => Content | undefined): Promise<Content> {
    return this.#link.ask(this.queue, async channel => {
      const message = await this.#take(channel)
      const content = message === undefined ? empty : contentOf(message)
      const changed = change(content)
      if (changed === undefined) {
        if (message !== undefined) {
          channel.basicNack({ deliveryTag: message.deliveryTag, requeue: true })
        }
        return content
      }
      await this.#store(channel, changed)
      if (message !== undefined) channel.basicAck({ deliveryTag: message.deliveryTag })
      return changed
    })
  }

  /** Corrects the count of one message. Those who ask in one turn share a change. */
  note(note: Note): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#notes.push({ note, resolve, reject })
      if (!this.#isNoting) void this.#writeNotes()
    })
  }

  async #writeNotes(): Promise<void> {
    this.#isNoting = true
    // Those who give back all that they have do it in one turn.
    await new Promise<void>(resolve => this.#context.clock.soon(resolve))
    while (this.#notes.length > 0) {
      const batch = this.#notes.splice(0)
      try {
        await this.update(content => withNotes(content, batch, this.#context.clock.now()))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        // A queue that others made, or one of dead letters, has no register: nothing is corrected.
        const isMissing = (error as { code?: string }).code === 'SPILLWAY_E_NOT_FOUND'
        for (const { resolve, reject } of batch) {
          if (isMissing) resolve()
          else reject(error as Error)
        }
      }
    }
    this.#isNoting = false
  }

  async #take(channel: Channel): Promise<Incoming | undefined> {
    for (let tries = 0; tries < triesMax; tries++) {
      const message = await channel.basicGet({ queue: this.queue })
      if (message !== undefined) return message
      const ms = 1 + (this.#context.random.uint32() % 8)
      await new Promise<void>(resolve => {
        this.#context.clock.schedule(ms, resolve)
      })
    }
    return undefined
  }

  async #store(channel: Channel, content: Content): Promise<void> {
    const body = Buffer.from(encodeUtf8(JSON.stringify(content)))
    const envelope = { routingKey: this.queue, durable: true, contentType: 'application/json' }
    await channel.basicPublish(envelope, body)
  }
}

function contentOf(message: Incoming): Content {
  try {
    return { ...empty, ...(JSON.parse(decodeUtf8(bodyOf(message))) as Partial<Content>) }
  } catch {
    return empty
  }
}

function withNotes(
  content: Content,
  notes: readonly { readonly note: Note }[],
  now: number,
): Content {
  const corrections = new Map(
    Object.entries(content.corrections).filter(([, { at }]) => now - at < correctionMs),
  )
  for (const { note } of notes) {
    const { id, attempts, dueAt } = note
    if (attempts === 'forget') {
      corrections.delete(id)
      continue
    }
    const sum = (corrections.get(id)?.attempts ?? 0) + attempts
    corrections.delete(id)
    corrections.set(id, { attempts: sum, dueAt, at: now })
  }
  const kept = [...corrections].slice(-correctionsMax)
  return { ...content, corrections: Object.fromEntries(kept) }
}
