/** One side of the question `client`, in a process of its own; prints what it took as JSON. */

import { connect, queue } from '../src/client/client.ts'
import {
  type Body,
  type ClientLoad,
  type ClientResult,
  concurrency,
  type Side,
  sendAll,
  windowCount,
} from './load/client.ts'
import { openBareKafka } from './load/client-kafka.ts'
import { openBareRabbitmq } from './load/client-rabbitmq.ts'
import { openBareRedis } from './load/client-redis.ts'
import { openBareSqs } from './load/client-sqs.ts'

const bare: {
  readonly [driver in ClientLoad['driver']]: (url: string, queue: string) => Promise<Side>
} = { kafka: openBareKafka, rabbitmq: openBareRabbitmq, redis: openBareRedis, sqs: openBareSqs }

/** The code is compiled, and the connection at its speed, when the measurement begins. */
const warmUp = 5000

async function openClient(url: string, name: string): Promise<Side> {
  const bus = await connect(url, { emulate: 'allow' })
  const work = queue<Body>(name)
  await bus.prepare(work)
  return {
    send: body => bus.send(work, body),
    consume: async count => {
      let handled = 0
      let enough = (): void => {}
      const done = new Promise<void>(resolve => {
        enough = resolve
      })
      const options = { concurrency, prefetch: windowCount }
      const worker = bus.consume(
        work,
        async ({ n }) => {
          if (n === undefined) throw new Error('no body')
          if (++handled === count) enough()
        },
        options,
      )
      await done
      await worker.drain()
    },
    close: async () => {
      await bus.drop(work)
      await bus.close()
    },
  }
}

async function run({ driver, url, how, what, messages }: ClientLoad): Promise<ClientResult> {
  const open = how === 'client' ? openClient : bare[driver]
  const side = await open(url, `bench-${how}-${what}-${process.pid}`)
  await sendAll(side, warmUp)
  if (what === 'consume') {
    await side.consume(warmUp)
    await sendAll(side, messages)
  }
  const before = process.cpuUsage()
  const startedAt = performance.now()
  if (what === 'send') await sendAll(side, messages)
  else await side.consume(messages)
  const elapsedMs = performance.now() - startedAt
  const { user, system } = process.cpuUsage(before)
  await side.close()
  return { rate: (messages / elapsedMs) * 1000, cost: (user + system) / messages }
}

const load: ClientLoad = JSON.parse(process.argv[2]!)
process.stdout.write(`${JSON.stringify(await run(load))}\n`)
