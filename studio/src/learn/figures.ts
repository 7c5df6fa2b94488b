/**
 * Figures of this guide, measured by bench/ and nothing else: `npm run bench -- QUESTION`. Each
 * says which question, which case, and when; a peer was measured in the same run. They are from a
 * small shared machine: measure your own before you plan with them.
 */

export interface Figure {
  readonly id: string
  readonly title: string
  readonly perSecond: number
  readonly question: string
  readonly case: string
  /** The real product, in turn with us in the same run. */
  readonly peer?: { readonly name: string; readonly perSecond: number }
  readonly note: string
}

export const measuredOn = '24 November 2026, 2 virtual processors (AMD EPYC), Node 20.20'

export const figures: readonly Figure[] = [
  {
    id: 'amqp',
    title: 'RabbitMQ’s protocol: publish and confirm, 1 KB, 10 connections',
    perSecond: 172_600,
    question: 'amqp-publish',
    case: 'raw, 1024 B, 10 connections',
    peer: { name: 'RabbitMQ 3.10.8', perSecond: 34_300 },
    note: 'both synced to the disk; 2 quick runs',
  },
  {
    id: 'amqplib',
    title: 'RabbitMQ’s protocol: publish and confirm, 1 KB, one amqplib program',
    perSecond: 74_500,
    question: 'amqp-publish',
    case: 'amqplib, 1024 B, 1 connection',
    peer: { name: 'RabbitMQ 3.10.8', perSecond: 15_000 },
    note: 'both synced to the disk; 2 quick runs',
  },
  {
    id: 'kafka',
    title: 'Kafka’s protocol: produce, acks=all, 1 KB, 1 partition',
    perSecond: 31_000,
    question: 'kafka-produce',
    case: 'kafka-producer-perf-test, 1000 B, 1 partition',
    peer: { name: 'Kafka 4.2.0', perSecond: 31_200 },
    note: 'Kafka as it comes, which does not sync; Spillway syncs; 2 runs',
  },
  {
    id: 'redis',
    title: 'Redis’ protocol: XADD, 50 clients, pipeline 64',
    perSecond: 196_100,
    question: 'redis-xadd',
    case: 'redis-benchmark, 50 clients, pipeline 64',
    peer: { name: 'Redis', perSecond: 136_100 },
    note: 'both synced to the disk; 1 quick run',
  },
  {
    id: 'redis1',
    title: 'Redis’ protocol: XADD, 50 clients, one at a time',
    perSecond: 7300,
    question: 'redis-xadd',
    case: 'redis-benchmark, 50 clients, pipeline 1',
    peer: { name: 'Redis', perSecond: 5600 },
    note: 'both synced to the disk; 1 quick run',
  },
  {
    id: 'sqs',
    title: 'SQS’ protocol: send, receive and delete, in batches of ten',
    perSecond: 10_800,
    question: 'sqs',
    case: 'standard, batches of 10',
    note: 'synced to the disk; 1 quick run, without a peer',
  },
]
