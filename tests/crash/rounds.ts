/**
 * Rounds of: start the broker, load it, kill it at a random time, start it again on the same
 * folder. After the last one everything is drained, the broker killed once more, and the books
 * balanced.
 */

import type { RunningBroker } from '../harness/broker.ts'
import type { Chance } from '../harness/chance.ts'
import { drainQueue } from '../harness/drain.ts'
import { Ledger } from '../harness/ledger.ts'
import type { Child } from '../harness/process.ts'
import { pause } from '../harness/wait.ts'
import {
  type Client,
  type ConsumerOptions,
  deadQueue,
  declareTopology,
  type Publisher,
  queues,
  startConsumer,
  startPublisher,
} from './clients.ts'

export interface CrashOptions {
  readonly rounds: number
  readonly chance: Chance
  /** Starts the broker under test, always on the same data. */
  readonly start: () => Promise<RunningBroker>
  /** Starts it without waiting, to kill it while it recovers; left out, that is not done. */
  readonly launch?: () => { child: Child; ready: Promise<unknown> }
  readonly publishers: number
  readonly killMsMax: number
  readonly onRound?: (round: number, ledger: Ledger) => void
}

export interface CrashReport {
  readonly ledger: Ledger
  readonly kills: number
  readonly killsDuringRecovery: number
  readonly drained: number
  /** The longest start, recovery included. */
  readonly readyMsMax: number
}

export async function runRounds(options: CrashOptions): Promise<CrashReport> {
  const ledger = new Ledger()
  const publishers = Array.from({ length: options.publishers }, (_, number) => ({
    number,
    next: 0,
  }))
  let killsDuringRecovery = 0
  let readyMsMax = 0
  for (let round = 1; round <= options.rounds; round++) {
    const broker = await options.start()
    readyMsMax = Math.max(readyMsMax, broker.readyMs)
    if (round === 1) await declareTopology(broker.url)
    await loadUntilKilled(broker, publishers, { ledger, options })
    if (options.launch !== undefined && options.chance.happens(0.3)) {
      await killWhileStarting(options.launch, options.chance)
      killsDuringRecovery++
    }
    options.onRound?.(round, ledger)
  }
  const broker = await options.start()
  const drained = await drainAll(broker.url, ledger)
  await broker.kill()
  await checkNothingReturned(await options.start(), ledger)
  ledger.balance()
  return { ledger, kills: options.rounds + 1, killsDuringRecovery, drained, readyMsMax }
}

async function loadUntilKilled(
  broker: RunningBroker,
  publishers: Publisher[],
  { ledger, options }: { ledger: Ledger; options: CrashOptions },
): Promise<void> {
  const { chance } = options
  const consumers = consumersOf(chance)
  const clients: Promise<Client>[] = [
    ...publishers.map(publisher => startPublisher(broker.url, publisher, ledger)),
    ...consumers.map(consumer => startConsumer(broker.url, consumer, { ledger, chance })),
  ]
  const started = Promise.allSettled(clients)
  // Halfway a consumer loses its connection: what it held goes to the others.
  const killMs = chance.between(20, options.killMsMax)
  await pause(killMs / 2)
  void clients[publishers.length]?.then(
    consumer => consumer.cut(),
    () => {},
  )
  await pause(killMs / 2)
  await broker.kill()
  for (const result of await started) if (result.status === 'fulfilled') result.value.cut()
}

function consumersOf(chance: Chance): ConsumerOptions[] {
  const consumers: ConsumerOptions[] = queues.flatMap(queue =>
    [1, 10, 300].map(prefetch => ({
      queue,
      place: 'queue' as const,
      prefetch,
      ackEvery: chance.between(1, Math.min(prefetch, 40)),
      rejected: 0.02,
      returned: 0.02,
    })),
  )
  const dead = { queue: deadQueue, place: 'dead' as const, rejected: 0, returned: 0.05 }
  return [...consumers, { ...dead, prefetch: 20, ackEvery: 1 }]
}

async function killWhileStarting(
  launch: NonNullable<CrashOptions['launch']>,
  chance: Chance,
): Promise<void> {
  const { child, ready } = launch()
  const ended = ready.catch(() => {})
  await pause(chance.between(0, 300))
  await child.kill('SIGKILL')
  await ended
}

async function drainAll(url: string, ledger: Ledger): Promise<number> {
  let drained = 0
  for (const queue of queues) drained += await drainQueue(url, { queue, place: 'queue' }, ledger)
  return drained + (await drainQueue(url, { queue: deadQueue, place: 'dead' }, ledger))
}

/** All was settled before the last kill, so what is there now has come back from the dead. */
async function checkNothingReturned(broker: RunningBroker, ledger: Ledger): Promise<void> {
  await drainAll(broker.url, ledger)
  await broker.stop()
}
