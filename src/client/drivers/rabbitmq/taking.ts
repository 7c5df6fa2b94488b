/** Messages by asking: a batch to work on, or a look at what waits. */

import type { Delivery, Settlement, Stored } from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import { acksOf } from './acks.ts'
import { attemptOf, type Owner, RabbitDelivery } from './delivery.ts'
import { errorOf } from './failures.ts'
import { Hands, type Site } from './hands.ts'
import type { Channel } from './link.ts'
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
    await acksOf(this.#channel, this.#site.context.clock).close()
    if (this.#releasedCount > 0) await whenBack(this.#site, this.#releasedCount)
  }
}

const lookMs = 2
const looksMax = 25
const freeLookMs = 50
/** Without a message for so long, the queue is looked at again. */
const stallMs = 100
/** What the broker takes for a limit of unsettled messages. */
const roomMax = 0xffff
const freeLooksMax = 60

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
  const { link, place, register, context } = site
  try {
    const channel = await link.channel()
    const got = await getAll(site, channel, countMax)
    const stored = got.map(({ queue, message }) =>
      storedOf(message, `${queue}/${message.deliveryTag}`),
    )
    if (isCounted) {
      await Promise.all(stored.map(({ id }) => register.note({ id, attempts: -1, dueAt: 0 })))
    }
    const acks = acksOf(channel, context.clock)
    await Promise.all(got.map(({ message }) => acks.giveBack(message.deliveryTag)))
    await acks.close()
    await whenBack(site, got.length)
    return stored
  } catch (error) {
    throw errorOf(error, place.base)
  }
}

/**
 * By consuming, with room for just as many: messages come without being asked for one by one, and
 * where one consumer is the active one there is no other way.
 */
async function getAll(site: Site, channel: Channel, countMax: number): Promise<readonly Got[]> {
  const { place, link } = site
  const got: Got[] = []
  for (const queue of place.queues) {
    const room = countMax - got.length
    if (room <= 0) break
    const waiting = place.isKeyed
      ? await whenFree(site, queue)
      : ((await link.find(queue))?.messageCount ?? 0)
    const expected = Math.min(room, waiting, roomMax)
    if (expected > 0) await consumeSome(site, channel, { queue, expected, got })
  }
  return got
}

/** How much waits, when nobody consumes it: one that was killed is known for a moment longer. */
async function whenFree({ link, context }: Site, queue: string): Promise<number> {
  for (let look = 0; look < freeLooksMax; look++) {
    const { messageCount, consumerCount } = await link.ask(queue, channel =>
      channel.queueDeclare({ queue, passive: true }),
    )
    if (consumerCount === 0) return messageCount
    await new Promise<void>(resolve => {
      context.clock.schedule(freeLookMs, resolve)
    })
  }
  throw consumed(queue)
}

async function consumeSome(
  { link, context }: Site,
  channel: Channel,
  { queue, expected, got }: { queue: string; expected: number; got: Got[] },
): Promise<void> {
  let count = 0
  // Not one more than are wanted: what were given back would go behind the others.
  await acksOf(channel, context.clock).limit(expected)
  let enough = (): void => {}
  const arrived = new Promise<void>(resolve => {
    enough = resolve
  })
  channel.on('close', enough)
  const { consumerTag } = await channel.basicConsume({ queue }, message => {
    acksOf(channel, context.clock).arrived(message.deliveryTag)
    got.push({ queue, message })
    if (++count === expected) enough()
  })
  // Others may have taken some of them.
  const watch = async (before: number): Promise<void> => {
    const left = await link.find(queue)
    if (count === before && (left?.messageCount ?? 0) === 0) enough()
    else if (count < expected)
      context.clock.schedule(stallMs, () => void watch(count).catch(enough))
  }
  const timer = context.clock.schedule(stallMs, () => void watch(count).catch(enough))
  await arrived
  timer.cancel()
  await channel.basicCancel(consumerTag)
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
