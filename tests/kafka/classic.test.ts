/**
 * The classic first programs, unchanged, in processes of their own. They name two machines, kafka1
 * and kafka2; a module that is loaded before them leads both names to the broker under test.
 */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { repositoryFolder, type SpillwayBroker, startSpillway } from '../harness/broker.ts'
import { temporaryFolder } from '../harness/process.ts'
import { Mailbox } from '../harness/wait.ts'

const runFile = promisify(execFile)

/** What `/etc/hosts` and a port of its own would do on a machine that had them. */
function leadingTo(port: number): NodeJS.ProcessEnv {
  const file = join(temporaryFolder('names'), 'names.cjs')
  writeFileSync(
    file,
    `const net = require('node:net')
const connect = net.connect
net.connect = (options, ...rest) => {
  const isTheirs = /^kafka[12]$/.test(options.host) && options.port === 9092
  return connect(isTheirs ? { ...options, host: '127.0.0.1', port: ${port} } : options, ...rest)
}
`,
  )
  const { KAFKA_BROKERS: _, ...env } = process.env
  return { ...env, KAFKAJS_NO_PARTITIONER_WARNING: '1', NODE_OPTIONS: `--require ${file}` }
}

function program(name: string): string {
  return join(repositoryFolder(), 'examples/classic', `kafka-${name}.mjs`)
}

interface Taken {
  readonly member: string
  readonly key: string
  readonly number: number
  readonly place: string
}

/** The group's two members in their process, and what they print. */
function startConsumers(env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [program('consumer')], { env })
  const inbox = new Mailbox<Taken>()
  const joins = new Mailbox<string>()
  let text = ''
  child.stdout.on('data', chunk => {
    text += String(chunk)
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) {
      const joined = /Consumer has joined the group.*"memberId":"([^"]+)"/.exec(line)
      if (joined !== null) joins.put(joined[1]!)
      const match = /^(\w+): (\S+) order (\d+) at (\d+:\d+)$/.exec(line)
      if (match === null) continue
      const [, member = '', key = '', number = '', place = ''] = match
      inbox.put({ member, key, number: Number(number), place })
    }
  })
  const stop = async (): Promise<void> => {
    const gone = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGINT')
    await gone
  }
  const take = async (count: number): Promise<Taken[]> => {
    const taken: Taken[] = []
    while (taken.length < count) taken.push(await inbox.take('an order'))
    return taken
  }
  /** The first joins alone; then it joins again, together with the second. */
  const bothJoined = async (): Promise<void> => {
    const members = new Set<string>()
    for (let count = 0; count < 3; count++) members.add(await joins.take('a member'))
    equal(members.size, 2)
  }
  return { take, stop, bothJoined }
}

describe('the classic programs of Kafka', () => {
  let broker: SpillwayBroker
  before(async () => {
    broker = await startSpillway({ args: ['--kafka-partitions', '2'] })
  })
  after(() => broker?.stop())

  test('two names, one machine: a producer, a group of two, and the group again', async () => {
    const env = leadingTo(broker.kafkaPort)
    const { stdout } = await runFile(process.execPath, [program('producer')], { env })
    equal(stdout.trim().split('\n').length, 10)

    const group = startConsumers(env)
    const first = await group.take(10)
    await group.bothJoined()
    // A kill before the program listens for it would be a crash; so it has something to do.
    await runFile(process.execPath, [program('producer')], { env })
    const shared = await group.take(10)
    deepEqual([...new Set(shared.map(({ member }) => member))].sort(), ['first', 'second'])
    await group.stop()
    for (const key of new Set(first.map(each => each.key))) {
      const numbers = first.filter(each => each.key === key).map(({ number }) => number)
      deepEqual(
        numbers,
        [...numbers].sort((left, right) => left - right),
        key,
      )
    }
    equal(new Set(first.map(({ number }) => number)).size, 10)

    // They have left, and committed: who comes next gets what is new.
    await runFile(process.execPath, [program('producer')], { env })
    const again = startConsumers(env)
    const second = await again.take(10)
    await again.stop()
    const places = new Set([...first, ...shared].map(({ place }) => place))
    ok(second.every(({ place }) => !places.has(place)))
  })
})
