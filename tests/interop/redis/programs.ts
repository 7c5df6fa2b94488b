/**
 * The order story through the clients of other languages; see README.md. Each program plays it on
 * Spillway and, as a check of the program, on Redis.
 */

import { startSpillway } from '../../harness/broker.ts'
import { go, java, python } from '../fetch.ts'
import { fetchRedis, startRedis } from '../peers/redis.ts'
import { type Program, playStories } from '../stories.ts'
import type { Choice, Report, Suite } from '../suite.ts'

const programs: readonly Program[] = [
  { name: 'redis-py', folder: 'python', prepare: python },
  { name: 'go-redis', folder: 'go', prepare: go },
  { name: 'Jedis', folder: 'java', prepare: java },
]

/** What each of them must see. */
const story = {
  published: 60,
  paid: 54,
  pending: 6,
  claimed: [3, 13, 23, 33, 43, 53],
  express: 'express',
  transaction: 2,
  heard: 'hello',
  lock: [true, false],
  due: ['soon'],
  trimmed: 10,
  error: 'BUSYGROUP',
}

export const redisPrograms: Suite = { name: 'redis/programs', run }

function run(report: Report, choice: Choice): Promise<void> {
  const missing = choice.peers ? fetchRedis() : undefined
  if (missing !== undefined) report.missing('Redis', missing)
  const brokers = [
    ...(choice.peers && missing === undefined ? [() => startRedis()] : []),
    ...(choice.spillway ? [() => startSpillway()] : []),
  ]
  const stories = { protocol: 'redis', programs, story, playMs: 60_000, brokers } as const
  return playStories(
    { ...stories, address: ({ host, redisPort }) => [host, String(redisPort)] },
    report,
    choice,
  )
}
