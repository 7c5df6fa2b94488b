/** How fast does a message go in, come out and go away, over SQS? */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { RunningBroker } from '../tests/harness/broker.ts'
import type { LoadResult } from './load/specification.ts'
import {
  type Case,
  type Measurement,
  perSecond,
  type Question,
  type QuestionOptions,
} from './question.ts'
import type { SqsLoad } from './sqs-load.ts'
import { sqsContenders, sqsPortOf } from './sqs-peers.ts'

const loadFile = fileURLToPath(new URL('./sqs-load.js', import.meta.url))
const runFile = promisify(execFile)
const connections = 32
const bodyBytes = 1000
/**
 * A broker's first run is longer, and so is that of each case: a Java machine compiles for seconds.
 * With three runs of five cases and two brokers, the question is answered in a minute and a half.
 */
const times = { brokerWarmUpMs: 7000, caseWarmUpMs: 2500, runWarmUpMs: 300, measuredMs: 1500 }

interface Shape {
  readonly fifo: boolean
  readonly groups: number
  readonly batch: number
}

function caseOf(shape: Shape, { quick }: QuestionOptions): Case {
  const { fifo, groups, batch } = shape
  const kind = fifo ? `FIFO, ${groups} ${groups === 1 ? 'group' : 'groups'}` : 'standard'
  const size = batch === 1 ? 'one by one' : `batches of ${batch}`
  const name = `${kind}, ${size}`
  return {
    name,
    figures: [perSecond],
    measure: async broker => {
      const warmUpMs = warmUpOf(broker, name)
      const scale = quick ? 0.1 : 1
      return await runLoad(broker, shape, {
        warmUpMs: warmUpMs * scale,
        measuredMs: times.measuredMs * scale,
      })
    },
  }
}

const warm = new Set<string>()

function warmUpOf({ pid }: RunningBroker, name: string): number {
  const [broker, ofCase] = [`${pid}`, `${pid} ${name}`]
  const { brokerWarmUpMs, caseWarmUpMs, runWarmUpMs } = times
  const warmUpMs = warm.has(ofCase) ? runWarmUpMs : warm.has(broker) ? caseWarmUpMs : brokerWarmUpMs
  warm.add(broker).add(ofCase)
  return warmUpMs
}
let queues = 0

async function runLoad(
  broker: RunningBroker,
  shape: Shape,
  time: Pick<SqsLoad, 'warmUpMs' | 'measuredMs'>,
): Promise<Measurement> {
  const { host } = broker
  const port = sqsPortOf(broker)
  const name = `bench-${process.pid}-${queues++}${shape.fifo ? '.fifo' : ''}`
  const attributes = shape.fifo ? { Attributes: { FifoQueue: 'true' } } : {}
  const made = await call(host, port, 'CreateQueue', { QueueName: name, ...attributes })
  const queueUrl = String(made['QueueUrl'])
  const load: SqsLoad = { host, port, queueUrl, ...shape, ...time, connections, bodyBytes }
  const { stdout } = await runFile(process.execPath, [loadFile, JSON.stringify(load)])
  await call(host, port, 'DeleteQueue', { QueueUrl: queueUrl })
  const result: LoadResult = JSON.parse(stdout)
  const rate = (result.messages / result.elapsedMs) * 1000
  return { values: [rate], loadShare: result.processorShare }
}

async function call(
  host: string,
  port: number,
  action: string,
  input: object,
): Promise<{ readonly [name: string]: unknown }> {
  const answer = await fetch(`http://${host}:${port}/`, {
    method: 'POST',
    headers: {
      'x-amz-target': `AmazonSQS.${action}`,
      'content-type': 'application/x-amz-json-1.0',
    },
    body: JSON.stringify(input),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${action}: ${answer.status} ${text}`)
  return text === '' ? {} : JSON.parse(text)
}

export const sqs: Question = {
  name: 'sqs',
  title: `send, receive, delete: 1 KB, ${connections} connections; Spillway syncs, ElasticMQ keeps in memory`,
  contenders: sqsContenders,
  cases: options => {
    const shapes: readonly Shape[] = [
      { fifo: false, groups: 1, batch: 1 },
      { fifo: false, groups: 1, batch: 10 },
      { fifo: true, groups: 1, batch: 1 },
      { fifo: true, groups: 1000, batch: 1 },
      { fifo: true, groups: 1000, batch: 10 },
    ]
    return shapes.map(shape => caseOf(shape, options))
  },
}
