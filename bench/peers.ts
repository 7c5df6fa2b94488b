/** The brokers beside each other; one that is missing is named as missing. */

import { type RunningBroker, startSpillway } from '../tests/harness/broker.ts'
import { fetchRabbitmq, startRabbitmq } from '../tests/interop/peers/rabbitmq.ts'

export interface Contender {
  readonly name: 'Spillway' | 'RabbitMQ' | 'Kafka' | 'Redis' | 'ElasticMQ'
  start(): Promise<RunningBroker>
}

/** The peer first: ratios are ours over theirs. */
export function contenders(only: string | undefined): Contender[] {
  const all: Contender[] = []
  if (only === undefined || only === 'rabbitmq') {
    const missing = fetchRabbitmq()
    if (missing === undefined) all.push({ name: 'RabbitMQ', start: () => startRabbitmq() })
    else console.error(`RabbitMQ is MISSING, so there is nothing to compare with: ${missing}`)
  }
  if (only === undefined || only === 'spillway') {
    all.push({ name: 'Spillway', start: () => startSpillway() })
  }
  return all
}
