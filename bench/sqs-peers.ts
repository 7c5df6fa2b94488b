/** ElasticMQ, which keeps messages in memory, beside Spillway, which syncs before it answers. */

import { type RunningBroker, startSpillway } from '../tests/harness/broker.ts'
import { fetchElasticmq, startElasticmq } from '../tests/interop/peers/elasticmq.ts'
import type { Contender } from './peers.ts'

/** The peer first: ratios are ours over theirs. */
export function sqsContenders(only: string | undefined): Contender[] {
  const all: Contender[] = []
  if (only === undefined || only === 'elasticmq') {
    const missing = fetchElasticmq()
    if (missing === undefined) all.push({ name: 'ElasticMQ', start: () => startElasticmq() })
    else console.error(`ElasticMQ is MISSING, so there is nothing to compare with: ${missing}`)
  }
  if (only === undefined || only === 'spillway') {
    all.push({ name: 'Spillway', start: () => startSpillway() })
  }
  return all
}

export function sqsPortOf(broker: RunningBroker): number {
  if ('sqsPort' in broker && typeof broker.sqsPort === 'number') return broker.sqsPort
  throw new Error(`${broker.name} has no port for SQS clients`)
}
