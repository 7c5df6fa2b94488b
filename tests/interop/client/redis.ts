/** The client's driver for Redis Streams, on Redis; `npm test` has it on Spillway's Redis port. */

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
