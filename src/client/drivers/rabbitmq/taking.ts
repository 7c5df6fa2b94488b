/** Messages by asking: a batch to work on, or a look at what waits. */

import type { Delivery, Settlement, Stored } from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import { attemptOf, type Owner, RabbitDelivery } from './delivery.ts'
import { limitUnsettled, passed } from './fence.ts'
import { Hands, type Site } from './hands.ts'
import { type Channel, errorOf } from './link.ts'
import { type Incoming, idOf, storedOf } from './messages.ts'

interface Got {
  readonly queue: string
  readonly message: Incoming
}

/** A channel of its own, which is closed when everything of the batch is settled. */
class Batch implements Owner {
  readonly #site: Site
  readonly #hands: Hands
  readonly #channel: Channel
  #openCount: number
  #releasedCount = 0

  constructor(site: Site, channel: Channel, count: number) {
    this.#site = site
    this.#hands = new Hands(site)
    this.#channel = channel
    this.#openCount = count
  }

  async settle(delivery: RabbitDelivery, settlement: Settlement): Promise<void> {
    await this.#hands.settle(delivery, settlement)
    if (settlement.kind === 'release') this.#releasedCount++
    if (--this.#openCount > 0) return
    await this.#channel.close()
    if (this.#releasedCount > 0) await whenBack(this.#site, this.#releasedCount)
  }
}

const lookMs = 2
const looksMax = 25

/**
 * A quorum queue takes what is given back a moment after its channel has answered. Waits until it
 * is counted again, which it never is when somebody else takes it at once.
 */
async function whenBack({ link, place, context }: Site, count: number): Promise<void> {
  for (let look = 0; look < looksMax; look++) {
    let ready = 0
    for (const queue of place.queues) ready += (await link.find(queue))?.messageCount ?? count
    if (ready >= count) return
    await new Promise<void>(resolve => {
      context.clock.schedule(lookMs, resolve)
    })
  }
}

export async function takeFrom(site: Site, countMax: number): Promise<readonly Delivery[]> {
  const { link, register, held, place } = site
  try {
    const channel = await link.channel()
    const got = await getAll(site, channel, countMax)
    if (got.length === 0) {
      await channel.close()
      return []
    }
    const isAgain = got.some(({ message }) => message.redelivered === true)
    const corrections = isAgain ? (await register.read()).corrections : {}
    const batch = new Batch(site, channel, got.length)
    const deliveries = got.map(({ queue, message }) => {
      const correction = message.redelivered ? corrections[idOf(message) ?? ''] : undefined
      const attempt = attemptOf(message, correction)
      const count = { attempt, isNoted: correction !== undefined }
      return new RabbitDelivery(batch, { queue, channel, message }, count)
    })
    for (const delivery of deliveries) held.add(delivery)
    channel.on('close', () => {
      for (const delivery of deliveries) held.delete(delivery)
    })
    return deliveries
  } catch (error) {
    throw errorOf(error, place.base)
  }
}

/** What waits, taken and given back in its order; uncounted where somebody counts. */
export async function peekAt(
  site: Site,
  countMax: number,
  isCounted: boolean,
): Promise<readonly Stored[]> {
  const { link, place, register } = site
  try {
    const channel = await link.channel()
    const got = await getAll(site, channel, countMax)
    const stored = got.map(({ queue, message }) =>
      storedOf(message, `${queue}/${message.deliveryTag}`),
    )
    if (isCounted) {
      await Promise.all(stored.map(({ id }) => register.note({ id, attempts: -1, dueAt: 0 })))
    }
    for (const { message } of got) {
      channel.basicNack({ deliveryTag: message.deliveryTag, requeue: true })
    }
    await passed(channel, place.base)
    await channel.close()
    await whenBack(site, got.length)
    return stored
  } catch (error) {
    throw errorOf(error, place.base)
  }
}

async function getAll(site: Site, channel: Channel, countMax: number): Promise<readonly Got[]> {
  const { place } = site
  if (place.isKeyed) return consumeAll(site, channel, countMax)
  const [queue] = place.queues
  const got: Got[] = []
  while (got.length < countMax) {
    const message = await channel.basicGet({ queue: queue! })
    if (message === undefined) break
    got.push({ queue: queue!, message })
  }
  return got
}

/** Where one consumer is the active one, messages come by consuming only. */
async function consumeAll(site: Site, channel: Channel, countMax: number): Promise<readonly Got[]> {
  const { place, link } = site
  const got: Got[] = []
  await limitUnsettled(channel, countMax)
  for (const queue of place.queues) {
    const room = countMax - got.length
    if (room <= 0) break
    const { messageCount, consumerCount } = await link.ask(queue, asking =>
      asking.queueDeclare({ queue, passive: true }),
    )
    if (consumerCount > 0) throw consumed(queue)
    const expected = Math.min(room, messageCount)
    if (expected === 0) continue
    await consumeSome(channel, queue, expected, got)
  }
  return got
}

async function consumeSome(
  channel: Channel,
  queue: string,
  expected: number,
  got: Got[],
): Promise<void> {
  let enough = (): void => {}
  const arrived = new Promise<void>((resolve, reject) => {
    enough = resolve
    channel.on('close', () => reject(consumed(queue)))
  })
  let count = 0
  const { consumerTag } = await channel.basicConsume({ queue }, message => {
    if (count === expected) {
      channel.basicNack({ deliveryTag: message.deliveryTag, requeue: true })
      return
    }
    got.push({ queue, message })
    if (++count === expected) enough()
  })
  await arrived
  await channel.basicCancel(consumerTag)
  await passed(channel, queue)
}

function consumed(queue: string): ClientError {
  return new ClientError({
    code: 'SPILLWAY_E_LOCKED',
    backend: 'rabbitmq',
    why: `${queue} is being consumed, and has one active consumer at a time.`,
    alternatives: ['stop the consumers first'],
    retryable: true,
  })
}
