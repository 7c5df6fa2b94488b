/**
 * What does the client cost over the npm client that its driver is made of? Both send and consume
 * the same messages on the same server, one after the other, each in a process of its own.
 */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startSpillway } from '../tests/harness/broker.ts'
import { fetchKafka, startKafkaPeer } from '../tests/interop/peers/kafka.ts'
import { fetchRabbitmq, startRabbitmq } from '../tests/interop/peers/rabbitmq.ts'
import { fetchRedis, startRedis } from '../tests/interop/peers/redis.ts'
import type { ClientLoad, ClientResult } from './load/client.ts'
import type { AloneCase, AloneQuestion, Figure, Measurement } from './question.ts'

const loadFile = fileURLToPath(new URL('./client-load.js', import.meta.url))
const runFile = promisify(execFile)

interface Server {
  readonly url: string
  stop(): Promise<void>
}

/** A driver on a server: one row for sending, one for consuming. Whoever has a driver adds some. */
interface Subject {
  readonly driver: ClientLoad['driver']
  readonly server: string
  readonly start: () => Promise<Server>
  /** Why it cannot be had here. */
  readonly missing?: () => string | undefined
}

const subjects: readonly Subject[] = [
  {
    driver: 'kafka',
    server: 'Spillway',
    start: async () => {
      const { kafkaPort, stop } = await startSpillway()
      return { url: `kafka://127.0.0.1:${kafkaPort}`, stop }
    },
  },
  {
    driver: 'kafka',
    server: 'Kafka',
    missing: fetchKafka,
    start: startKafkaPeer,
  },
  {
    driver: 'rabbitmq',
    server: 'Spillway',
    start: async () => {
      const { amqpPort, stop } = await startSpillway()
      return { url: `amqp://guest:guest@127.0.0.1:${amqpPort}`, stop }
    },
  },
  {
    driver: 'rabbitmq',
    server: 'RabbitMQ',
    missing: fetchRabbitmq,
    start: async () => {
      const { amqpPort, stop } = await startRabbitmq()
      return { url: `amqp://guest:guest@127.0.0.1:${amqpPort}`, stop }
    },
  },
  {
    driver: 'redis',
    server: 'Spillway',
    start: async () => {
      const { redisPort, stop } = await startSpillway()
      return { url: `redis://127.0.0.1:${redisPort}`, stop }
    },
  },
  {
    driver: 'redis',
    server: 'Redis',
    missing: fetchRedis,
    start: async () => {
      const { redisPort, stop } = await startRedis()
      return { url: `redis://127.0.0.1:${redisPort}`, stop }
    },
  },
  {
    driver: 'sqs',
    server: 'Spillway',
    start: async () => {
      const { sqsPort, stop } = await startSpillway()
      return { url: `sqs://key:secret@127.0.0.1:${sqsPort}?region=eu-west-1&wait=1`, stop }
    },
  },
]

const figures: readonly Figure[] = [
  { name: 'client', unit: 'messages/s', better: 'higher' },
  { name: 'bare', unit: 'messages/s', better: 'higher' },
  { name: 'client / bare', unit: '×', better: 'higher' },
  { name: 'processor, client', unit: 'µs/message', better: 'lower' },
  { name: 'processor, bare', unit: 'µs/message', better: 'lower' },
]

function casesOf(subject: Subject, messages: number): AloneCase[] {
  const { driver, server } = subject
  const why = subject.missing?.()
  if (why !== undefined) {
    console.error(`${driver} on ${server} is MISSING: ${why}`)
    return []
  }
  return (['send', 'consume'] as const).map(what => ({
    name: `${driver} on ${server}: ${what}`,
    figures,
    measure: async (): Promise<Measurement> => {
      const { url, stop } = await subject.start()
      try {
        const client = await runLoad({ driver, url, how: 'client', what, messages })
        const bare = await runLoad({ driver, url, how: 'bare', what, messages })
        const ratio = client.rate / bare.rate
        return { values: [client.rate, bare.rate, ratio, client.cost, bare.cost] }
      } finally {
        await stop()
      }
    },
  }))
}

async function runLoad(load: ClientLoad): Promise<ClientResult> {
  const { stdout } = await runFile(process.execPath, [loadFile, JSON.stringify(load)])
  return JSON.parse(stdout)
}

export const client: AloneQuestion = {
  name: 'client',
  title: 'through the client and through the bare npm client: 100 B of JSON, 200 under way',
  aloneCases: ({ quick }) => subjects.flatMap(each => casesOf(each, quick ? 10_000 : 50_000)),
}
