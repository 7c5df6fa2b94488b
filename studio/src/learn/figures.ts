/**
 * Figures of this guide, measured by bench/ and nothing else: `npm run bench -- QUESTION`. Each
 * says which question, which case, and when. Measure your own machine before you plan with them.
 */

export interface Figure {
  readonly id: string
  readonly title: string
  readonly perSecond: number
  readonly question: string
  readonly case: string
}

export const measuredOn = {
  day: '24 November 2026',
  machine:
    '2 virtual processors (AMD EPYC), Node 20.20, one quick run, every confirm synced to the disk',
}

export const figures: readonly Figure[] = [
  {
    id: 'amqp',
    title: 'RabbitMQ’s protocol, 1 KB, 10 connections',
    perSecond: 187_000,
    question: 'amqp-publish',
    case: 'raw, 1024 B, 10 connections',
  },
  {
    id: 'amqplib',
    title: 'RabbitMQ’s protocol, 1 KB, one amqplib program',
    perSecond: 39_000,
    question: 'amqp-publish',
    case: 'amqplib, 1024 B, 1 connection',
  },
  {
    id: 'redis16',
    title: 'Redis’ protocol, XADD, 50 clients, pipeline 16',
    perSecond: 149_000,
    question: 'redis-xadd',
    case: 'redis-benchmark, 50 clients, pipeline 16',
  },
  {
    id: 'redis1',
    title: 'Redis’ protocol, XADD, 50 clients, pipeline 1',
    perSecond: 7600,
    question: 'redis-xadd',
    case: 'redis-benchmark, 50 clients, pipeline 1',
  },
]
