/** One worker, for each of the five backends. */

import { lines as kafkaWorker } from 'listing:examples/guide/kafka-worker.mjs'
import { lines as rabbitWorker } from 'listing:examples/guide/rabbitmq-worker.mjs'
import { lines as redisWorker } from 'listing:examples/guide/redis-worker.mjs'
import { lines as spillwayWorker } from 'listing:examples/guide/spillway-worker.mjs'
import { lines as sqsWorker } from 'listing:examples/guide/sqs-worker.mjs'
import type { CodeSet } from '../code-view.tsx'

const guide = (name: string) => `examples/guide/${name}`

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
