/**
 * Later: a message waits in a queue whose messages all live equally long, and which sends what dies
 * in it on to where it belongs. So there is a queue for each length of wait, and it goes in order.
 * A few lengths are exact; where an application asks for ever new ones, further ones are rounded up
 * by at most a sixteenth, which bounds the number of queues.
 */

import { UnsupportedError } from '../../errors.ts'
import type { Link, Settings } from './link.ts'
import { waitName } from './names.ts'
import type { Register } from './register.ts'

const exactMax = 32
const stepsPerOctave = 16
/** The broker keeps lifetimes in 32 bits. */
export const waitMaxMs = 0xffff_ffff

export class Waits {
  readonly #link: Link
  readonly #register: Register
  readonly #made = new Map<string, Promise<void>>()

  constructor(link: Link, register: Register) {
    this.#link = link
    this.#register = register
  }

  /** The queue from which a message comes to `queue` in `delayMs`. */
  async to(queue: string, delayMs: number): Promise<string> {
    const exact = Math.max(1, Math.ceil(delayMs))
    if (exact > waitMaxMs) throw tooLong(queue, delayMs)
    const name = waitName(queue, exact)
    if (this.#made.has(name)) return this.#ready(name)
    const { waits } = await this.#register.read()
    const isKnown = waits.includes(name)
    const rounded = waitName(queue, isKnown || waits.length < exactMax ? exact : roundUp(exact))
    if (!this.#made.has(rounded)) this.#made.set(rounded, this.#make(queue, rounded))
    return this.#ready(rounded)
  }

  async #ready(name: string): Promise<string> {
    try {
      await this.#made.get(name)
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
    const settings: Settings = {
      'x-queue-type': 'quorum',
      'x-message-ttl': Number(name.slice(name.lastIndexOf('.') + 1)),
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

  forget(): void {
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
