/** The loads, by the lean client. */

import { encodePublish } from '../../tests/harness/amqp-codec.ts'
import { RawClient } from '../../tests/harness/raw-client.ts'
import { percentile } from '../../tests/harness/statistics.ts'
import { deferred, pause } from '../../tests/harness/wait.ts'
import { openConsumer } from './raw-consumer.ts'
import { openPublisher } from './raw-publisher.ts'
import { frameScanner, methodAt, refuseClose } from './scanner.ts'
import type {
  ConsumeLoad,
  FanoutLoad,
  LatencyLoad,
  LoadResult,
  PublishLoad,
  SpreadLoad,
} from './specification.ts'
import { startStopwatch } from './stopwatch.ts'

export async function rawPublish(load: PublishLoad): Promise<LoadResult> {
  const { address, window } = load
  const body = Buffer.alloc(load.bodyBytes, 'x')
  const publishers = await Promise.all(
    load.queues.map(queue =>
      openPublisher({ address, exchange: '', routingKeys: [queue], body, window }),
    ),
  )
  const share = Math.floor(load.messages / publishers.length)
  const stop = startStopwatch()
  await Promise.all(publishers.map(publisher => publisher.run(share)))
  const result = stop(share * publishers.length)
  await Promise.all(publishers.map(publisher => publisher.close()))
  return result
}

export async function rawConsume(load: ConsumeLoad): Promise<LoadResult> {
  const { address, prefetch } = load
  const messages = Math.floor(load.messages / load.queues.length)
  const stop = startStopwatch()
  const consumers = await Promise.all(
    load.queues.map(queue => openConsumer({ address, queues: [queue], prefetch, messages })),
  )
  await Promise.all(consumers.map(consumer => consumer.done))
  const result = stop(messages * consumers.length)
  await Promise.all(consumers.map(consumer => consumer.close()))
  return result
}

export async function rawFanout(load: FanoutLoad): Promise<LoadResult> {
  const { address, messages, window, exchange } = load
  const body = Buffer.alloc(load.bodyBytes, 'x')
  const publisher = await openPublisher({ address, exchange, routingKeys: [''], body, window })
  const stop = startStopwatch()
  const consumers = await Promise.all(
    load.queues.map(queue => openConsumer({ address, queues: [queue], prefetch: 1000, messages })),
  )
  await Promise.all([publisher.run(messages), ...consumers.map(consumer => consumer.done)])
  const result = stop(messages * consumers.length)
  await Promise.all([publisher.close(), ...consumers.map(consumer => consumer.close())])
  return result
}

/** Pairs of a publisher and a consumer, each with its share of the queues, at the same time. */
export async function rawSpread(load: SpreadLoad): Promise<LoadResult> {
  const { address, window, queues, pairs } = load
  const body = Buffer.alloc(load.bodyBytes, 'x')
  const share = Math.floor(queues.length / pairs)
  // Whole rounds, so that each queue gets equally many.
  const messages = Math.max(1, Math.round(load.messages / queues.length)) * share
  const open = async (pair: number) => {
    const own = queues.slice(pair * share, (pair + 1) * share)
    const publisher = await openPublisher({ address, exchange: '', routingKeys: own, body, window })
    const consumer = await openConsumer({ address, queues: own, prefetch: 100, messages })
    return { publisher, consumer }
  }
  const all: Awaited<ReturnType<typeof open>>[] = []
  for (let pair = 0; pair < pairs; pair++) all.push(await open(pair))
  const stop = startStopwatch()
  await Promise.all(
    all.flatMap(({ publisher, consumer }) => [publisher.run(messages), consumer.done]),
  )
  const result = stop(messages * pairs)
  await Promise.all(all.flatMap(({ publisher, consumer }) => [publisher.close(), consumer.close()]))
  return result
}

const warmUpSeconds = 4

/** Messages in one write, at most: what is due after a pause of one timer's tick, and more. */
const burstMax = 64

/**
 * The publishes that are due at one moment go out in one write, as a client library does it that
 * collects what one turn of the event loop has written. They are encoded once, and only the time
 * inside changes: a generator that makes garbage measures its own pauses.
 */
function encodeBurst(queue: string, bodyBytes: number): (now: number, count: number) => Buffer {
  const body = Buffer.alloc(bodyBytes, 'x')
  const fields = { exchange: '', routingKey: queue }
  const message = encodePublish(1, fields, { deliveryMode: 2 }, body)
  const stamp = message.length - 1 - bodyBytes
  // The socket may keep a write for later, so the same memory comes round again after many others.
  const blocks = Array.from({ length: 64 }, () =>
    Buffer.concat(Array.from({ length: burstMax }, () => message)),
  )
  let turn = 0
  return (now, count) => {
    const block = blocks[turn++ % blocks.length]!
    for (let index = 0; index < count; index++) {
      block.writeDoubleBE(now, index * message.length + stamp)
    }
    return block.subarray(0, count * message.length)
  }
}

export async function rawLatency(load: LatencyLoad): Promise<LoadResult> {
  const { address, queue, perSecond } = load
  const skipped = perSecond * warmUpSeconds
  const messages = skipped + perSecond * load.seconds
  const samples = new Float64Array(messages)
  let received = 0
  const consumer = await openConsumer({
    address,
    queues: [queue],
    prefetch: 1000,
    messages,
    onBody: (bytes, start) => {
      samples[received++] = performance.now() - bytes.readDoubleBE(start)
    },
  })
  const publisher = await openConfirmedClient(load)
  const burst = encodeBurst(queue, Math.max(8, load.bodyBytes))
  const stop = startStopwatch()
  await pace(perSecond, messages, count => {
    for (let left = count; left > 0; left -= burstMax) {
      publisher.send(burst(performance.now(), Math.min(left, burstMax)))
    }
  })
  await consumer.done
  const result = stop(messages - skipped)
  await Promise.all([publisher.close(), consumer.close()])
  const sorted = samples.subarray(skipped).sort()
  return {
    ...result,
    latencyMs: {
      p50: percentile(sorted, 0.5),
      p99: percentile(sorted, 0.99),
      p999: percentile(sorted, 0.999),
    },
  }
}

/**
 * Confirms are asked for, so that both brokers do their durable best, but nobody waits for them.
 */
async function openConfirmedClient(load: LatencyLoad): Promise<RawClient> {
  const client = await RawClient.open(load.address)
  await client.call(1, 'channel.open')
  await client.call(1, 'confirm.select')
  client.takeOver(
    frameScanner((bytes, start, end) => refuseClose(bytes, start, end, methodAt(bytes, start))),
  )
  return client
}

/** What is due is sent about once a millisecond; a late timer is made up for at once. */
async function pace(
  perSecond: number,
  total: number,
  send: (count: number) => void,
): Promise<void> {
  const startedAt = performance.now()
  let sent = 0
  const finished = deferred<void>()
  const step = (): void => {
    const due = Math.min(total, Math.floor(((performance.now() - startedAt) / 1000) * perSecond))
    if (due > sent) send(due - sent)
    sent = Math.max(sent, due)
    if (sent === total) finished.resolve()
    else void pause(1).then(step)
  }
  step()
  await finished.promise
}
