/** The client's driver for Redis Streams, on Redis; `npm test` has it on Spillway's Redis port. */

import { crashCases } from '../../client/drivers/redis-crashes.ts'
import { temporaryFolder } from '../../harness/process.ts'
import { fetchRedis, startRedis } from '../peers/redis.ts'
import type { Choice, Report, Suite } from '../suite.ts'
import { runConformance, runLosses, runRestart } from './suite.ts'

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
  const broker = `Redis ${running.version}`
  try {
    const { url, redisPort: port } = running
    await runConformance(report, choice, { broker, url, unitMs: 50, atATime: 8 })
    await runLosses(report, choice, { broker, port, hasTimedLeases: true, url: urlOf })
    await runCrashes(report, choice, broker, port)
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
