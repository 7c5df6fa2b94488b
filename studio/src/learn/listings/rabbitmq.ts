/** RabbitMQ's producer and consumer, each alone. */

import { lines as rabbitConsumer } from 'listing:examples/classic/rabbitmq-consumer.mjs'
import { lines as rabbitProducer } from 'listing:examples/classic/rabbitmq-producer.mjs'
import type { CodeSet } from '../code-view.tsx'

const classic = (name: string) => `examples/classic/${name}`

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
