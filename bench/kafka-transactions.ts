/**
 * How fast are transactions, one after another? With Kafka's Java client: 100 records in each, then
 * the commit, then the next one. So it is the time that the steps of one transaction take that
 * counts.
 */

import { kafkaContenders, transactionPerf } from './kafka-peers.ts'
import { withTopic } from './kafka-topics.ts'
import type { Case, Question } from './question.ts'

const recordsEach = 100

function transactionCase(recordBytes: number, transactions: number): Case {
  return {
    name: `Java client, ${recordsEach} records of ${recordBytes} B in each`,
    figures: [{ name: 'rate', unit: 'transactions/s', better: 'higher' }],
    measure: broker =>
      withTopic(broker, 1, async ({ port, topic }) => {
        const load = { port, topic, records: recordsEach, recordBytes, transactions }
        const { perSecond, loadShare } = await transactionPerf(load)
        return { values: [perSecond], loadShare }
      }),
  }
}

export const kafkaTransactions: Question = {
  name: 'kafka-transactions',
  title: 'transactions, one after another; Spillway: synced; Kafka: page cache, its default',
  contenders: only => kafkaContenders(only, 'page-cache'),
  cases: ({ quick }) => [transactionCase(100, quick ? 50 : 1000)],
}
