/** Sending and taking as each client's own page shows it. */

import { lines as kafkaConsumer } from 'listing:examples/classic/kafka-consumer.mjs'
import { lines as kafkaProducer } from 'listing:examples/classic/kafka-producer.mjs'
import { lines as rabbitConsumer } from 'listing:examples/classic/rabbitmq-consumer.mjs'
import { lines as rabbitProducer } from 'listing:examples/classic/rabbitmq-producer.mjs'
import { lines as redisConsumer } from 'listing:examples/classic/redis-consumer.mjs'
import { lines as sqsProducer } from 'listing:examples/classic/sqs-producer.mjs'
import type { CodeSet } from '../code-view.tsx'

const classic = (name: string) => `examples/classic/${name}`

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
