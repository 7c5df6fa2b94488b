/**
 * Acknowledgements are not answered by the broker. So whoever must know that one has arrived asks
 * something harmless after it on the same channel: `basic.qos`, which changes nothing for the
 * consumers that are there. All that settle meanwhile share the next question.
 */

import { lost } from './delivery.ts'
import type { Channel } from './link.ts'

class Fence {
  readonly #channel: Channel
  readonly #prefetchCount: number
  #current: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(channel: Channel, prefetchCount: number) {
    this.#channel = channel
    this.#prefetchCount = prefetchCount
  }

  /** Resolves when the broker has taken everything that was written before. */
  passed(): Promise<void> {
    if (this.#current === undefined) return this.ask()
    this.#next ??= this.#current.catch(() => {}).then(() => this.ask())
    return this.#next
  }

  ask(): Promise<void> {
    this.#next = undefined
    const asking = this.#channel.basicQos({ prefetchCount: this.#prefetchCount }).finally(() => {
      if (this.#current === asking) this.#current = undefined
    })
    this.#current = asking
    return asking
  }
}

const fences = new WeakMap<Channel, Fence>()

/** Before a channel's first consumer: each may have so many messages unsettled; 0: any number. */
export async function limitUnsettled(channel: Channel, prefetchCount: number): Promise<void> {
  const fence = new Fence(channel, prefetchCount)
  fences.set(channel, fence)
  await fence.ask()
}

/** Rejects with `SPILLWAY_E_LOST`, about the message `id`, when the channel is gone. */
export async function passed(channel: Channel, id: string): Promise<void> {
  const fence = fences.get(channel)
  try {
    if (fence === undefined) await limitUnsettled(channel, 0)
    else await fence.passed()
  } catch {
    throw lost(id)
  }
}
