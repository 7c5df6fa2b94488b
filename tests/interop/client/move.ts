/**
 * `spillway move` of a million messages from a folder to RabbitMQ and to Kafka, by a process that
 * is killed three times on the way. Nothing may be lost, and no more may come twice than the runs
 * have told of.
 */

import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { connect, queue } from '../../../src/client/client.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { temporaryFolder } from '../../harness/process.ts'
import { deferred } from '../../harness/wait.ts'
import { fetchKafka, startKafkaPeer } from '../peers/kafka.ts'
import { fetchRabbitmq, startRabbitmq } from '../peers/rabbitmq.ts'
import type { Choice, Report, Suite } from '../suite.ts'

export const moveClient: Suite = { name: 'client/move', run }

const count = 1_000_000
/**
 * Of the messages that a run has told of, when it is killed; and how far it is in the next batch,
 * as a part of what the last one took: while it takes, sends, or says that it is done.
 */
const kills = [
  { at: 50_000, within: 0.3 },
  { at: 200_000, within: 0.6 },
  { at: 300_000, within: 0.9 },
] as const
const batchCount = 5000
const command = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))
const orders = queue<{ n: number }>('moved')

interface Target {
  readonly name: string
  readonly version: string
  readonly url: string
  stop(): Promise<unknown>
}

async function run(report: Report, choice: Choice): Promise<void> {
  if (!choice.peers || choice.record) return
  for (const { name, why, start } of targets()) {
    if (!name.includes(choice.only)) continue
    if (why !== undefined) {
      report.missing(name, why)
      continue
    }
    const target = await start()
    const folder = temporaryFolder('move')
    const broker = `${target.name} ${target.version}`
    let passed = 0
    try {
      const twice = await moveKilled(folder, target.url)
      console.error(`${count} messages moved to ${broker}, killed 3 times: ${twice} came twice`)
      passed = 1
    } catch (error) {
      report.failed(`a move to ${broker}`, (error as Error).stack ?? '')
    } finally {
      await target.stop()
      rmSync(folder, { recursive: true, force: true })
    }
    report.row({ broker, suite: 'a move, killed three times', passed, failed: 1 - passed })
  }
}

function targets() {
  return [
    {
      name: 'RabbitMQ',
      why: fetchRabbitmq(),
      start: async (): Promise<Target> => {
        const running = await startRabbitmq()
        return { ...running, url: `amqp://127.0.0.1:${running.amqpPort}` }
      },
    },
    {
      name: 'Kafka',
      why: fetchKafka(),
      start: async (): Promise<Target> => {
        const running = await startKafkaPeer()
        return { ...running, url: `kafka://127.0.0.1:${running.kafkaPort}` }
      },
    },
  ]
}

/** Returns how many came twice; throws when one did not come. */
async function moveKilled(folder: string, url: string): Promise<number> {
  const from = await connect(`file:${folder}`)
  for (let n = 0; n < count; n += batchCount) {
    await from.send(
      orders,
      Array.from({ length: batchCount }, (_, index) => ({ n: n + index })),
    )
  }
  await from.close()
  const began = systemClock.monotonic()
  let told = 0
  for (const kill of kills) {
    const { signal, text } = await runMove(folder, url, kill)
    if (signal !== 'SIGKILL') throw new Error(`it ended by itself: ${text.slice(-500)}`)
    told += toldTwice(text)
  }
  const last = await runMove(folder, url, undefined)
  if (!/nothing is left/.test(last.text)) throw new Error(last.text.slice(-500))
  told += toldTwice(last.text)
  const seconds = Math.round((systemClock.monotonic() - began) / 1000)
  console.error(`the four runs took ${seconds} s; they told of ${told} possible duplicates`)
  const twice = await countAll(url)
  if (twice > told) throw new Error(`${twice} came twice, ${told} were told of`)
  return twice
}

/** What the last line of a run says, of however many it has ended. */
function toldTwice(text: string): number {
  return Number(/.*[ ,](\d+) may be there twice/s.exec(text)?.[1] ?? 0)
}

/** Ends when the process has ended; without `kill`, by itself. */
function runMove(
  folder: string,
  url: string,
  kill: (typeof kills)[number] | undefined,
): Promise<{ signal: string | null; text: string }> {
  const args = [command, 'move', 'moved', '--from', `file:${folder}`, '--to', url]
  const running = spawn(process.execPath, args)
  let text = ''
  let last = systemClock.monotonic()
  let isDoomed = false
  running.stderr.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-2000)
    const now = systemClock.monotonic()
    const batchMs = now - last
    last = now
    const told = Number(/moved (\d+)[^\n]*\n[^\n]*$/.exec(text)?.[1] ?? 0)
    if (kill === undefined || isDoomed || told < kill.at) return
    isDoomed = true
    setTimeout(() => running.kill('SIGKILL'), batchMs * kill.within)
  })
  return new Promise(resolve => {
    running.on('close', (_, signal) => resolve({ signal, text }))
  })
}

async function countAll(url: string): Promise<number> {
  const to = await connect(url, { emulate: 'allow' })
  const seen = new Uint8Array(count)
  let different = 0
  let all = 0
  const complete = deferred<void>()
  const worker = to.consume(
    orders,
    ({ n }) => {
      all++
      if (seen[n] === 0) different++
      seen[n] = 1
      if (different === count) complete.resolve()
    },
    { concurrency: 1000, prefetch: 2000 },
  )
  // Nothing new for half a minute: the rest does not come.
  let before = -1
  const watch = setInterval(() => {
    if (before === all) complete.reject(new Error(`${different} of ${count} came`))
    before = all
  }, 30_000)
  const began = systemClock.monotonic()
  try {
    await complete.promise
  } finally {
    clearInterval(watch)
    await worker.drain()
    await to.close()
  }
  const seconds = Math.round((systemClock.monotonic() - began) / 1000)
  console.error(`${all} were handled in ${seconds} s`)
  return all - different
}
