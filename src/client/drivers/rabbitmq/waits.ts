/**
 * Later: a message waits in a queue whose messages all live equally long, and which sends what dies
 * in it on to where it belongs. So there is a queue for each length of wait, and it goes in order.
 * A few lengths are exact; where an application asks for ever new ones, further ones are rounded up
 * by at most a sixteenth, which bounds the number of queues.
 */

import type { DriverContext } from '../../driver.ts'
import { UnsupportedError } from '../../errors.ts'
import type { Link, Settings } from './link.ts'
import { waitName } from './names.ts'
import type { Register } from './register.ts'

const exactMax = 32
const stepsPerOctave = 16
/**
 * A queue that nobody has declared for so long beyond its wait is deleted by the broker, with what
 * is in it: so it is declared again long before, as long as it is used.
 */
const idleMs = 3_600_000
const renewMs = idleMs / 2
/** The broker keeps lifetimes in 32 bits. */
export const waitMaxMs = 0xffff_ffff - idleMs
/** Until then a queue's dead-lettering may still be starting; see `drop`. */
const youngMs = 10_000

interface Made {
  /** Wall-clock milliseconds. */
  readonly at: number
  readonly ready: Promise<void>
}

export class Waits {
  readonly #link: Link
  readonly #context: DriverContext
  readonly #register: Register
  readonly #made = new Map<string, Made>()

  constructor(link: Link, context: DriverContext, register: Register) {
    this.#link = link
    this.#context = context
    this.#register = register
  }

  /** The queue from which a message comes to `queue` in `delayMs`. */
  async to(queue: string, delayMs: number): Promise<string> {
    const exact = Math.max(1, Math.ceil(delayMs))
    if (exact > waitMaxMs) throw tooLong(queue, delayMs)
    const name = waitName(queue, exact)
    if (this.#isFresh(name)) return this.#ready(name)
    const { waits } = await this.#register.read()
    const isKnown = waits.includes(name)
    const rounded = waitName(queue, isKnown || waits.length < exactMax ? exact : roundUp(exact))
    if (!this.#isFresh(rounded)) {
      this.#made.set(rounded, { at: this.#now, ready: this.#make(queue, rounded) })
    }
    return this.#ready(rounded)
  }

  get #now(): number {
    return this.#context.clock.now()
  }

  #isFresh(name: string): boolean {
    const made = this.#made.get(name)
    return made !== undefined && this.#now - made.at < renewMs
  }

  async #ready(name: string): Promise<string> {
    try {
      await this.#made.get(name)?.ready
    } catch (error) {
      this.#made.delete(name)
      throw error
    }
    return name
  }

  async #make(queue: string, name: string): Promise<void> {
    await this.#register.update(content => {
      if (content.waits.includes(name)) return undefined
      return { ...content, waits: [...content.waits, name] }
    })
    const waitMs = Number(name.slice(name.lastIndexOf('.') + 1))
    const settings: Settings = {
      'x-queue-type': 'quorum',
      'x-message-ttl': waitMs,
      'x-expires': waitMs + idleMs,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': queue,
      // Without this strategy a crash while a message is sent on would lose it.
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
    }
    // The broker answers a second declaration before the queue can be published to.
    await this.#link.alone(`${name}~making`, () =>
      this.#link.ask(name, channel =>
        channel.queueDeclare({ queue: name, durable: true, arguments: settings }),
      ),
    )
  }

  /** How many messages wait. Queues that have been deleted meanwhile are forgotten. */
  async count(waits: readonly string[]): Promise<number> {
    let count = 0
    const gone: string[] = []
    for (const wait of waits) {
      const found = await this.#link.find(wait)
      if (found === undefined) gone.push(wait)
      else count += found.messageCount
    }
    // One that is being made right now is not there yet either.
    const forgotten = gone.filter(wait => !this.#made.has(wait))
    if (forgotten.length > 0 && forgotten.length === gone.length) {
      await this.#register.update(content => {
        const kept = content.waits.filter(wait => !forgotten.includes(wait))
        return { ...content, waits: kept }
      })
    }
    return count
  }

  /**
   * Deletes them. A young one is emptied instead, and deleted by the broker in an hour: to delete
   * it while its dead-lettering starts ends that of all queues on a node of RabbitMQ 3.10.
   */
  async drop(waits: readonly string[]): Promise<void> {
    for (const queue of waits) {
      const made = this.#made.get(queue)
      const isYoung = made !== undefined && this.#now - made.at < youngMs
      await this.#link.ask(queue, async channel => {
        if (isYoung) await channel.queuePurge({ queue })
        else await channel.queueDelete({ queue })
      })
    }
    this.#made.clear()
  }
}

export function roundUp(ms: number): number {
  if (ms <= stepsPerOctave) return ms
  const octave = 2 ** Math.floor(Math.log2(ms))
  const step = octave / stepsPerOctave
  return Math.min(Math.ceil(ms / step) * step, waitMaxMs)
}

function tooLong(queue: string, delayMs: number): UnsupportedError {
  const days = Math.floor(waitMaxMs / 86_400_000)
  return new UnsupportedError({
    code: 'SPILLWAY_U_DELAY',
    backend: 'rabbitmq',
    why: `rabbitmq cannot delay a message by ${delayMs} ms (limit ${days} days).\n  queue ${queue}`,
    alternatives: ['a scheduler', 'another backend: embedded'],
  })
}
