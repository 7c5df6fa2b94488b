/**
 * What do open pages of the studio cost the broker? Its processor time for a message, with ten
 * pages and without, in turn on one broker that has a thousand queues; and the same at rest.
 */

import { type SpillwayBroker, startSpillway } from '../tests/harness/broker.ts'
import { processorMs } from '../tests/harness/process.ts'
import { RawClient } from '../tests/harness/raw-client.ts'
import { summarise } from '../tests/harness/statistics.ts'
import { pause } from '../tests/harness/wait.ts'
import type { AloneQuestion, Figure, Measurement } from './question.ts'
import { queueNames, runLoad } from './run-load.ts'

const queues = queueNames(1000)
/** The load's: four of the thousand. */
const busy = queues.slice(0, 4)

const costs: readonly Figure[] = [
  { name: 'no page', unit: 'µs of processor a message', better: 'lower' },
  { name: 'ten pages', unit: 'µs of processor a message', better: 'lower' },
  { name: 'more', unit: '%', better: 'lower' },
  { name: 'heard', unit: 'events', better: 'higher' },
]

const idleCosts: readonly Figure[] = [
  { name: 'no page', unit: 'ms of processor a second', better: 'lower' },
  { name: 'ten pages', unit: 'ms of processor a second', better: 'lower' },
]

export const studio: AloneQuestion = {
  name: 'studio',
  title: 'ten pages of the studio on a broker with 1,000 queues: what they cost it',
  aloneCases: ({ quick }) => [
    {
      name: 'publish and consume, persistent, 100 B, 4 connections each',
      figures: costs,
      measure: () => withBroker(broker => underLoad(broker, quick ? 20_000 : 250_000)),
    },
    {
      name: 'nothing else to do',
      figures: idleCosts,
      measure: () => withBroker(broker => atRest(broker, quick ? 1000 : 6000)),
    },
  ],
}

async function withBroker(
  measure: (broker: SpillwayBroker) => Promise<Measurement>,
): Promise<Measurement> {
  const broker = await startSpillway()
  try {
    const client = await RawClient.open(broker)
    await client.call(1, 'channel.open')
    for (const queue of queues) await client.call(1, 'queue.declare', { queue, durable: true })
    await client.close()
    return await measure(broker)
  } finally {
    await broker.stop()
  }
}

/** Without and with in turn, the order changing, so that what drifts meets both alike. */
async function underLoad(broker: SpillwayBroker, messages: number): Promise<Measurement> {
  const perMessage = async (): Promise<number> => {
    const before = used(broker)
    await runMessages(broker, messages)
    return ((used(broker) - before) * 1000) / messages
  }
  await runMessages(broker, messages)
  const alone: number[] = []
  const watched: number[] = []
  let heard = 0
  const measureWatched = async (): Promise<void> => {
    const pages = await openPages(broker)
    watched.push(await perMessage())
    heard += pages.close()
  }
  for (let round = 0; round < 8; round++) {
    if (round % 2 === 1) await measureWatched()
    alone.push(await perMessage())
    if (round % 2 === 0) await measureWatched()
  }
  const [before, after] = [summarise(alone).median, summarise(watched).median]
  return { values: [before, after, (after / before - 1) * 100, heard] }
}

async function atRest(broker: SpillwayBroker, ms: number): Promise<Measurement> {
  const perSecond = async (): Promise<number> => {
    const before = used(broker)
    await pause(ms)
    return ((used(broker) - before) * 1000) / ms
  }
  const alone = await perSecond()
  const pages = await openPages(broker)
  const watched = await perSecond()
  pages.close()
  return { values: [alone, watched] }
}

function used({ pid }: SpillwayBroker): number {
  const ms = processorMs(pid)
  if (ms === undefined) throw new Error('there is no /proc here: processor time is not known')
  return ms
}

async function runMessages({ host, amqpPort }: SpillwayBroker, messages: number): Promise<void> {
  const address = { host, amqpPort }
  const common = { address, bodyBytes: 100, messages, queues: busy, client: 'raw' as const }
  await Promise.all([
    runLoad({ ...common, kind: 'publish', window: 500 }),
    runLoad({ ...common, kind: 'consume', prefetch: 500 }),
  ])
}

/** What pages ask for: three overviews, three lists, three queues, one tail. */
const pageStreams = [
  ...Array.from({ length: 3 }, () => 'topics=overview'),
  'topics=queues&sort=name&order=asc&search=&offset=0&limit=60',
  'topics=queues&sort=name&order=asc&search=&offset=0&limit=60',
  'topics=queues&sort=in&order=desc&search=&offset=0&limit=60',
  ...busy.slice(0, 3).map(queue => `queue=${queue}`),
  `tail=${busy[0]}`,
]
/** And every five seconds, for their charts. */
const pagePolls = [
  ...Array.from({ length: 3 }, () => 'span=300000'),
  ...busy.slice(0, 3).map(queue => `queue=${queue}&span=120000`),
]

/** Opens ten pages; closing them tells how many events they heard. */
async function openPages({ httpPort }: SpillwayBroker): Promise<{ close(): number }> {
  const origin = `http://127.0.0.1:${httpPort}`
  const abort = new AbortController()
  const { signal } = abort
  let heard = 0
  const listen = async (query: string): Promise<void> => {
    const { body } = await fetch(`${origin}/api/events?${query}`, { signal })
    const decoder = new TextDecoder()
    for await (const chunk of body!) {
      heard += decoder.decode(chunk as Uint8Array, { stream: true }).split('\nevent: ').length
    }
  }
  const ask = async (query: string): Promise<void> => {
    await (await fetch(`${origin}/api/history?${query}`, { signal })).arrayBuffer()
  }
  const ignore = (): void => undefined
  for (const query of pageStreams) listen(query).catch(ignore)
  const timer = setInterval(() => {
    for (const query of pagePolls) ask(query).catch(ignore)
  }, 5000)
  await pause(500)
  return {
    close: () => {
      clearInterval(timer)
      abort.abort()
      return heard
    },
  }
}
