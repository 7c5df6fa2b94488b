/** The client's driver for Redis Streams, on Redis; `npm test` has it on Spillway's Redis port. */

import { connect, type Queue, queue, topic } from '../../../src/client/client.ts'
import { crashCases } from '../../client/drivers/redis-crashes.ts'
import { temporaryFolder } from '../../harness/process.ts'
import { startProxy } from '../../harness/proxy.ts'
import { eventually } from '../../harness/wait.ts'
import { fetchRedis, startRedis } from '../peers/redis.ts'
import type { Choice, Report, Suite } from '../suite.ts'
import { runGuarantees } from './guarantees.ts'
import { runConformance, runLosses, runRestart } from './suite.ts'

interface Item {
  readonly n: number
}

export const redisClient: Suite = { name: 'client/redis', run }

const urlOf = (port: number): string => `redis://127.0.0.1:${port}`

async function run(report: Report, choice: Choice): Promise<void> {
  if (!choice.peers) return
  const why = fetchRedis()
  if (why !== undefined) {
    report.missing('Redis', why)
    return
  }
  const running = await startRedis()
  const broker = `Redis ${running.version}, appendfsync=always`
  try {
    const { url, redisPort: port } = running
    const subject = { row: 'redis', broker, url, unitMs: 50, atATime: 8 } as const
    await runConformance(report, choice, subject)
    if (choice.record) return
    await runLosses(report, choice, { broker, port, hasTimedLeases: true, url: urlOf })
    await runCrashes(report, choice, broker, port)
    await runGuarantees(report, choice, { broker, url })
  } finally {
    await running.stop()
  }
  if (!'a restart'.includes(choice.only)) return
  const folder = temporaryFolder('redis')
  await runRestart(report, {
    broker,
    url: urlOf,
    start: async () => {
      const { redisPort, stop } = await startRedis({ folder })
      return { port: redisPort, stop }
    },
  })
  await runEmptyRestart(report, broker)
}

/** Processes that are killed while they settle. */
async function runCrashes(
  report: Report,
  choice: Choice,
  broker: string,
  port: number,
): Promise<void> {
  const counts = { passed: 0, failed: 0 }
  for (const [index, one] of crashCases.entries()) {
    if (!one.name.includes(choice.only)) continue
    try {
      await one.run(port, `crash-${index}`)
      counts.passed++
    } catch (error) {
      counts.failed++
      report.failed(`${one.name} on ${broker}`, (error as Error).message)
    }
  }
  report.row({ broker, suite: 'client, kills', ...counts })
}

/** What a server had in memory only is gone; who consumes goes on with what comes. */
async function runEmptyRestart(report: Report, broker: string): Promise<void> {
  const counts = { passed: 0, failed: 0 }
  let running = await startRedis({ isForgetful: true })
  const proxy = await startProxy(running.redisPort)
  const bus = await connect(urlOf(proxy.port), { emulate: 'allow' })
  try {
    const queues = [queue<Item>('empty'), queue<Item>('empty-keyed', { key: ({ n }) => `${n}` })]
    const events = topic<Item>('empty-events')
    const seen = new Set<string>()
    for (const q of queues) await bus.consume(q, ({ n }) => void seen.add(`${q.name} ${n}`)).ready
    const group = { group: 'g' }
    await bus.subscribe(events, group, ({ n }) => void seen.add(`${events.name} ${n}`)).ready
    for (const n of [1, 2]) {
      await Promise.all([...queues.map(q => bus.send(q, { n })), bus.publish(events, { n })])
      await eventually(`each consumer has seen ${n}`, () => seen.size === 3 * n)
      if (n === 2) break
      await running.kill()
      proxy.cut()
      running = await startRedis({ isForgetful: true })
      proxy.leadTo(running.redisPort)
      // Their groups are made again when their reads are refused.
      const isBack = async (q: Queue<Item>) =>
        (await bus.depth(q).catch(() => undefined)) !== undefined
      await eventually('the queues are back', async () => {
        return (await Promise.all(queues.map(isBack))).every(is => is)
      })
    }
    counts.passed++
  } catch (error) {
    counts.failed++
    report.failed(`an empty restart of ${broker}`, (error as Error).message)
  } finally {
    await bus.close()
    await proxy.close()
    await running.stop()
  }
  report.row({ broker, suite: 'client, empty restart', ...counts })
}
