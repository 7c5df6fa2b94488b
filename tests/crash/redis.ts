/**
 * The same for Redis' clients: rounds of XADD, XREADGROUP, XACK and XAUTOCLAIM, each ended by a
 * kill. Every reply counts here: an entry whose XADD was answered is confirmed, one whose XACK was
 * answered is settled. At the end the stream itself is read, too: all confirmed entries are in it.
 */

import { Redis } from 'ioredis'
import type { SpillwayBroker } from '../harness/broker.ts'
import type { Chance } from '../harness/chance.ts'
import { decodeBody, encodeBody, Ledger, type MessageId } from '../harness/ledger.ts'
import { pause } from '../harness/wait.ts'

export interface RedisCrashOptions {
  readonly rounds: number
  readonly chance: Chance
  /** Starts the broker under test, always on the same data. */
  readonly start: () => Promise<SpillwayBroker>
  readonly producers: number
  readonly killMsMax: number
  readonly onRound?: (round: number, ledger: Ledger) => void
}

const stream = 'crash'
const group = 'workers'
const consumers = 4
const batch = 50

type Entry = [id: string, fields: Buffer[]]

function clientOf(broker: SpillwayBroker): Redis {
  const client = new Redis(broker.redisPort, broker.host, {
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  })
  // The kill breaks every connection, which is the point.
  client.on('error', () => {})
  return client
}

/** The books, and how many entries were left at the end. */
export async function runRedisRounds(
  options: RedisCrashOptions,
): Promise<{ readonly ledger: Ledger; readonly drained: number }> {
  const ledger = new Ledger()
  const producers = Array.from({ length: options.producers }, (_, number) => ({ number, next: 0 }))
  for (let round = 1; round <= options.rounds; round++) {
    const broker = await options.start()
    if (round === 1) await createGroup(broker)
    const clients = [...producers, ...Array.from({ length: consumers })].map(() => clientOf(broker))
    const work = Promise.allSettled(
      clients.map((client, index) => {
        const producer = producers[index]
        return producer === undefined
          ? consume(client, `c${index}`, ledger, options.chance)
          : produce(client, producer, ledger)
      }),
    )
    await pause(options.chance.between(20, options.killMsMax))
    await broker.kill()
    for (const client of clients) client.disconnect()
    await work
    options.onRound?.(round, ledger)
  }
  const drained = await drain(await options.start(), ledger)
  await checkNothingReturned(await options.start(), ledger)
  ledger.balance()
  return { ledger, drained }
}

async function createGroup(broker: SpillwayBroker): Promise<void> {
  const client = clientOf(broker)
  await client.xgroup('CREATE', stream, group, '0', 'MKSTREAM')
  client.disconnect()
}

/** Adds entries, some at once, until the connection breaks. */
async function produce(
  client: Redis,
  producer: { readonly number: number; next: number },
  ledger: Ledger,
): Promise<void> {
  while (true) {
    const adding = Array.from({ length: batch }, async () => {
      const id = { publisher: producer.number, sequence: producer.next++ }
      ledger.published(id)
      await client.xadd(stream, '*', 'entry', encodeBody(id))
      ledger.confirmed(id)
    })
    const outcomes = await Promise.allSettled(adding)
    if (outcomes.some(({ status }) => status === 'rejected')) return
  }
}

/** Reads and acknowledges until the connection breaks; leaves some entries to those who claim. */
async function consume(client: Redis, name: string, ledger: Ledger, chance: Chance): Promise<void> {
  while (true) {
    const isClaim = chance.happens(0.1)
    const entries = isClaim
      ? await claim(client, name, ledger)
      : await read(client, name, chance.between(1, batch), ledger)
    if (chance.happens(0.2)) continue
    await acknowledge(client, entries, ledger)
  }
}

async function read(client: Redis, name: string, count: number, ledger: Ledger) {
  const from = ['GROUP', group, name, 'COUNT', String(count), 'BLOCK', '50'] as const
  const answer = (await client.callBuffer('XREADGROUP', ...from, 'STREAMS', stream, '>')) as
    | [Buffer, Entry[]][]
    | null
  return deliver(answer?.[0]?.[1] ?? [], false, ledger)
}

/** Entries in the order in which their acknowledgements were answered, for each book. */
const answered = new WeakMap<Ledger, string[]>()

/**
 * Two connections: what is claimed here may be acknowledged there before this answer is read, in
 * the order of the broker as well as in ours. Such entries were not handed out again.
 */
async function claim(client: Redis, name: string, ledger: Ledger) {
  const from = [stream, group, name, '0', '0', 'COUNT', '100'] as const
  const before = answered.get(ledger)?.length ?? 0
  const answer = (await client.callBuffer('XAUTOCLAIM', ...from)) as [Buffer, Entry[], Buffer[]]
  const meanwhile = new Set(answered.get(ledger)?.slice(before))
  const entries = answer[1].filter(([entry]) => !meanwhile.has(String(entry)))
  return deliver(entries, true, ledger)
}

interface Delivered {
  readonly entry: string
  readonly id: MessageId
}

function deliver(entries: readonly Entry[], redelivered: boolean, ledger: Ledger): Delivered[] {
  const delivered: Delivered[] = []
  for (const [entry, fields] of entries) {
    const id = decodeBody(fields[1]!)
    if (id === undefined) {
      ledger.breach('damaged', { publisher: -1, sequence: -1 }, String(entry))
      continue
    }
    ledger.delivered('queue', id, redelivered)
    delivered.push({ entry: String(entry), id })
  }
  return delivered
}

async function acknowledge(
  client: Redis,
  delivered: readonly Delivered[],
  ledger: Ledger,
): Promise<void> {
  if (delivered.length === 0) return
  for (const { id } of delivered) ledger.acked('queue', id)
  const entries = delivered.map(({ entry }) => entry)
  await client.xack(stream, group, ...entries)
  const all = answered.get(ledger) ?? []
  answered.set(ledger, all)
  all.push(...entries)
  ledger.settled(
    'queue',
    delivered.map(({ id }) => id),
  )
}

/** What is left is read, claimed and acknowledged; then the power is pulled once more. */
async function drain(broker: SpillwayBroker, ledger: Ledger): Promise<number> {
  const client = clientOf(broker)
  let drained = 0
  for (const next of [
    () => read(client, 'drain', 1000, ledger),
    () => claim(client, 'drain', ledger),
  ]) {
    for (let left = await next(); left.length > 0; left = await next()) {
      await acknowledge(client, left, ledger)
      drained += left.length
    }
  }
  await broker.kill()
  client.disconnect()
  return drained
}

async function checkNothingReturned(broker: SpillwayBroker, ledger: Ledger): Promise<void> {
  const client = clientOf(broker)
  await read(client, 'after', 1000, ledger)
  await claim(client, 'after', ledger)
  await readStream(client, ledger)
  client.disconnect()
  await broker.stop()
}

/** Nothing was deleted, so the stream has every confirmed entry, whole. */
async function readStream(client: Redis, ledger: Ledger): Promise<void> {
  const seen = new Set<string>()
  let from = '-'
  while (true) {
    const entries = (await client.xrangeBuffer(stream, from, '+', 'COUNT', 1000)) as unknown as [
      Buffer,
      Buffer[],
    ][]
    if (entries.length === 0) break
    for (const [, fields] of entries) {
      const id = decodeBody(fields[1]!)
      if (id === undefined) ledger.breach('damaged', { publisher: -1, sequence: -1 }, 'in a range')
      else seen.add(`${id.publisher}/${id.sequence}`)
    }
    from = `(${entries.at(-1)![0]}`
  }
  for (const id of ledger.confirmedIds()) {
    if (seen.has(`${id.publisher}/${id.sequence}`)) continue
    ledger.breach('confirmed and lost', id, 'is not in the stream')
  }
}
