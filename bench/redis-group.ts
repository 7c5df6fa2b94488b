/** How fast does a group read entries one by one and acknowledge them, the disk behind both? */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { GroupLoad } from './load/redis-group.ts'
import type { LoadResult } from './load/specification.ts'
import { type Case, type Measurement, perSecond, type Question } from './question.ts'
import { redisContenders, redisPortOf, whenWarm } from './redis-peers.ts'

const loadFile = fileURLToPath(new URL('./redis-load.js', import.meta.url))
const runFile = promisify(execFile)
const clients = 50

function groupCase(pipeline: number, entries: number): Case {
  const name = `${clients} consumers, pipeline ${pipeline}: XREADGROUP COUNT 1, then XACK`
  return {
    name,
    figures: [perSecond],
    measure: broker =>
      whenWarm(broker, name, () =>
        runLoad({ port: redisPortOf(broker), clients, pipeline, entries }),
      ),
  }
}

async function runLoad(load: GroupLoad): Promise<Measurement> {
  const { stdout } = await runFile(process.execPath, [loadFile, JSON.stringify(load)])
  const result: LoadResult = JSON.parse(stdout)
  const rate = (result.messages / result.elapsedMs) * 1000
  return { values: [rate], loadShare: result.processorShare }
}

export const redisGroup: Question = {
  name: 'redis-group',
  title: 'XREADGROUP of single entries and XACK, synced to the disk before each reply',
  contenders: redisContenders,
  cases: ({ quick }) => {
    const times = quick ? 0.1 : 1
    return [groupCase(1, 50_000 * times), groupCase(16, 200_000 * times)]
  },
}
