/** The listings of the guide: each is a file under examples/, which a test runs. */

import { lines as kafkaConsumer } from 'listing:classic/kafka-consumer.mjs'
import { lines as kafkaProducer } from 'listing:classic/kafka-producer.mjs'
import { lines as rabbitConsumer } from 'listing:classic/rabbitmq-consumer.mjs'
import { lines as rabbitProducer } from 'listing:classic/rabbitmq-producer.mjs'
import { lines as redisConsumer } from 'listing:classic/redis-consumer.mjs'
import { lines as sqsProducer } from 'listing:classic/sqs-producer.mjs'
import { lines as guarantees } from 'listing:guide/guarantees.mjs'
import { lines as kafkaWorker } from 'listing:guide/kafka-worker.mjs'
import { lines as monolith } from 'listing:guide/monolith.mjs'
import { lines as rabbitWorker } from 'listing:guide/rabbitmq-worker.mjs'
import { lines as redisWorker } from 'listing:guide/redis-worker.mjs'
import { lines as spillwayWorker } from 'listing:guide/spillway-worker.mjs'
import { lines as sqsWorker } from 'listing:guide/sqs-worker.mjs'
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
