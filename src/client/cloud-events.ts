/**
 * CloudEvents, binary mode, by option: the attributes of CloudEvents 1.0 as headers beside our own,
 * so that consumers and producers that know those names, and not ours, can join.
 *
 * ```
 * sent      id = spillway-id, source = the application's name, specversion = 1.0,
 *           type = the contract's name, time, and, with a key, subject and partitionkey = the key
 * received  without spillway-id: id and type are taken over, and the key from partitionkey
 * ```
 *
 * The body is the event's data, and `content-type` its datacontenttype. The prefix of the names is
 * that of the protocol's binding: `ce_` (Kafka, section 3.2.3.1), `cloudEvents_` (AMQP, 3.1.3.1),
 * and `ce-` (HTTP, 3.1.3.1) where there is none. Any of them is read.
 */

import { formatTime } from '../platform/clock.ts'
import type { Delivery, Driver, Headers, Outgoing, Sink, Stored, Work } from './driver.ts'
import { headerNames } from './wire.ts'

const prefixes: { readonly [backend: string]: string } = { kafka: 'ce_', rabbitmq: 'cloudEvents_' }
const prefixesRead = ['ce_', 'ce-', 'cloudevents_', 'cloudevents:'] as const

/** A driver that writes and reads them. */
export function cloudEventsDriver(
  driver: Driver,
  { source, now }: { readonly source: string; readonly now: () => number },
): Driver {
  const prefix = prefixes[driver.backend] ?? 'ce-'
  const write = (messages: readonly Outgoing[]) =>
    messages.map(message => {
      const attributes = attributesOf(message, prefix, { source, now: now() })
      return { ...message, headers: { ...attributes, ...message.headers } }
    })
  /** What the driver handed out, by what we made of it. */
  const originals = new WeakMap<Delivery, Delivery>()
  const readDelivery = (delivery: Delivery): Delivery => {
    const headers = readAttributes(delivery.headers)
    if (headers === delivery.headers) return delivery
    const read: Delivery = {
      ...storedOf(delivery, headers),
      attempt: delivery.attempt,
      settle: settlement => delivery.settle(settlement),
      extend: ms => delivery.extend(ms),
    }
    originals.set(read, delivery)
    return read
  }
  const own: Partial<Driver> = {
    send: messages => driver.send(write(messages)),
    consume: (endpoint, options, sink) => {
      const reading: Sink = {
        deliver: delivery => sink.deliver(readDelivery(delivery)),
        ended: error => sink.ended(error),
      }
      return driver.consume(endpoint, options, reading)
    },
    take: async (...args) => (await driver.take(...args)).map(readDelivery),
    peek: async (...args) => (await driver.peek(...args)).map(readStored),
    read: (...args) => readAll(driver.read(...args)),
    commit: ({ send, settle }: Work) =>
      driver.commit({
        send: write(send),
        settle: settle.map(({ delivery, settlement }) => ({
          delivery: originals.get(delivery) ?? delivery,
          settlement,
        })),
      }),
  }
  return new Proxy(driver, {
    get: (target, name) => {
      if (Object.hasOwn(own, name)) return own[name as keyof Driver]
      if (name === 'post') return undefined
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** What the application or an earlier hand wrote wins; so an event that is sent on stays itself. */
function attributesOf(
  { id, key, headers }: Outgoing,
  prefix: string,
  { source, now }: { readonly source: string; readonly now: number },
): Headers {
  const type = headers[headerNames.type] ?? 'message'
  return {
    [`${prefix}specversion`]: '1.0',
    [`${prefix}id`]: id,
    [`${prefix}source`]: source,
    [`${prefix}type`]: type,
    [`${prefix}time`]: formatTime(now),
    ...(key === undefined ? {} : { [`${prefix}subject`]: key, [`${prefix}partitionkey`]: key }),
  }
}

/** The same object when there is nothing to take over. */
function readAttributes(headers: Headers): Headers {
  if (headers[headerNames.id] !== undefined) return headers
  const prefix = prefixesRead.find(
    name => headers[`${name}specversion`] !== undefined && headers[`${name}id`] !== undefined,
  )
  if (prefix === undefined) return headers
  const type = headers[`${prefix}type`]
  const key = headers[`${prefix}partitionkey`]
  return {
    ...headers,
    [headerNames.id]: headers[`${prefix}id`]!,
    ...(type === undefined ? {} : { [headerNames.type]: type }),
    ...(key === undefined ? {} : { [headerNames.key]: key }),
  }
}

function readStored(stored: Stored): Stored {
  const headers = readAttributes(stored.headers)
  return headers === stored.headers ? stored : storedOf(stored, headers)
}

function storedOf({ id, position, time, key, body }: Stored, headers: Headers): Stored {
  return { id, position, time, key, body, headers }
}

async function* readAll(stored: AsyncIterable<Stored>): AsyncGenerator<Stored, void, undefined> {
  for await (const one of stored) yield readStored(one)
}
