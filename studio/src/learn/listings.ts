/** The listings of the guide: each is a file under examples/, which a test runs. */

import { lines as kafkaConsumer } from 'listing:examples/classic/kafka-consumer.mjs'
import { lines as kafkaProducer } from 'listing:examples/classic/kafka-producer.mjs'
import { lines as rabbitConsumer } from 'listing:examples/classic/rabbitmq-consumer.mjs'
import { lines as rabbitProducer } from 'listing:examples/classic/rabbitmq-producer.mjs'
import { lines as redisConsumer } from 'listing:examples/classic/redis-consumer.mjs'
import { lines as sqsProducer } from 'listing:examples/classic/sqs-producer.mjs'
import { lines as guarantees } from 'listing:examples/guide/guarantees.mjs'
import { lines as kafkaWorker } from 'listing:examples/guide/kafka-worker.mjs'
import { lines as monolith } from 'listing:examples/guide/monolith.mjs'
import { lines as rabbitWorker } from 'listing:examples/guide/rabbitmq-worker.mjs'
import { lines as redisWorker } from 'listing:examples/guide/redis-worker.mjs'
import { lines as spillwayWorker } from 'listing:examples/guide/spillway-worker.mjs'
import { lines as sqsWorker } from 'listing:examples/guide/sqs-worker.mjs'
import { lines as patternsFile } from 'listing:src/simulator/scenarios/patterns.ts'
import { lines as pitfallsFile } from 'listing:src/simulator/scenarios/pitfalls.ts'
import type { CodeLine } from '../ui/code-block.tsx'
import type { CodeSet } from './code-view.tsx'

const classic = (name: string) => `examples/classic/${name}`
const guide = (name: string) => `examples/guide/${name}`

export const monolithCode: CodeSet = [
  {
    id: 'monolith',
    title: 'Order API',
    file: guide('monolith.mjs'),
    lines: monolith,
    knobs: { email: { after: '?? ' } },
  },
]

export const rabbitProducerCode: CodeSet = [
  {
    id: 'rabbitmq',
    title: 'RabbitMQ',
    file: classic('rabbitmq-producer.mjs'),
    lines: rabbitProducer,
  },
]

export const rabbitConsumerCode: CodeSet = [
  {
    id: 'rabbitmq',
    title: 'RabbitMQ',
    file: classic('rabbitmq-consumer.mjs'),
    lines: rabbitConsumer,
    knobs: { prefetch: { after: '.prefetch(' } },
  },
]

export const guaranteeCode: CodeSet = [
  { id: 'rabbitmq', title: 'RabbitMQ', file: guide('guarantees.mjs'), lines: guarantees },
]

export const classicCode: CodeSet = [
  {
    id: 'rabbitmq',
    title: 'RabbitMQ: send',
    file: classic('rabbitmq-producer.mjs'),
    lines: rabbitProducer,
  },
  {
    id: 'rabbitmq-take',
    title: 'RabbitMQ: take',
    file: classic('rabbitmq-consumer.mjs'),
    lines: rabbitConsumer,
  },
  { id: 'kafka', title: 'Kafka: send', file: classic('kafka-producer.mjs'), lines: kafkaProducer },
  {
    id: 'kafka-take',
    title: 'Kafka: take',
    file: classic('kafka-consumer.mjs'),
    lines: kafkaConsumer,
  },
  { id: 'sqs', title: 'SQS FIFO', file: classic('sqs-producer.mjs'), lines: sqsProducer },
  {
    id: 'redis',
    title: 'Redis Streams',
    file: classic('redis-consumer.mjs'),
    lines: redisConsumer,
  },
]

/** One worker, five times. The knobs name the text that stands before their value. */
export const workerCode: CodeSet = [
  {
    id: 'rabbitmq',
    title: 'RabbitMQ',
    file: guide('rabbitmq-worker.mjs'),
    lines: rabbitWorker,
    knobs: {
      prefetch: { after: '.prefetch(' },
      attempts: { after: "'x-delivery-limit': ", plus: -1 },
    },
  },
  {
    id: 'kafka',
    title: 'Kafka',
    file: guide('kafka-worker.mjs'),
    lines: kafkaWorker,
    knobs: {
      prefetch: { after: 'partitionsConsumedConcurrently: ' },
      attempts: { after: 'const attemptsMax = ' },
      backoff: { after: 'const firstWaitMs = ' },
    },
  },
  {
    id: 'sqs',
    title: 'SQS',
    file: guide('sqs-worker.mjs'),
    lines: sqsWorker,
    knobs: {
      prefetch: { after: 'MaxNumberOfMessages: ', max: 10 },
      attempts: { after: 'maxReceiveCount: ' },
      lease: { after: "VisibilityTimeout: '", scale: 0.001 },
    },
  },
  {
    id: 'redis',
    title: 'Redis Streams',
    file: guide('redis-worker.mjs'),
    lines: redisWorker,
    knobs: {
      prefetch: { after: "me, 'COUNT', " },
      attempts: { after: 'const attemptsMax = ' },
      lease: { after: 'const leaseMs = ' },
    },
  },
  {
    id: 'spillway',
    title: 'Spillway',
    file: guide('spillway-worker.mjs'),
    lines: spillwayWorker,
    knobs: {
      prefetch: { after: 'prefetch: ' },
      attempts: { after: 'attempts: ' },
      backoff: { after: "exponential('" },
    },
  },
]

const scenarios = (name: string) => `src/simulator/scenarios/${name}`

/** A pitfall as the tests run it, then the worker that it is about. */
export function pitfallCode(id: string): CodeSet {
  const lines = partOf(pitfallsFile, '  pitfall({', `id: '${id}'`)
  const shown = { id: 'scenario', title: 'Scenario', file: scenarios('pitfalls.ts'), lines }
  return [{ ...shown, marks: { fixed: 'fixed' } }, ...workerCode]
}

/** A pattern as the tests run it, then the worker. */
export function patternCode(id: string): CodeSet {
  const lines = partOf(patternsFile, '  pattern(', `'${id}',`)
  return [
    { id: 'scenario', title: 'Scenario', file: scenarios('patterns.ts'), lines },
    ...workerCode,
  ]
}

/** The stretch of a file that begins with `start`, and has `name` in one of its first lines. */
function partOf(lines: readonly CodeLine[], start: string, name: string): readonly CodeLine[] {
  const texts = lines.map(line => line.map(([, text]) => text).join(''))
  const at = texts.findIndex(
    (text, index) => text.startsWith(start) && texts[index + 1]?.includes(name),
  )
  const end = texts.findIndex((text, index) => index > at && /^ {2}\}?\),$/.test(text))
  return lines.slice(at, end + 1)
}
