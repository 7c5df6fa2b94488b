/**
 * Which queue for whom: facts from the products' own documentation, and six questions that weigh
 * them. No figures: those are measured, elsewhere.
 */

export type BackendName = 'RabbitMQ' | 'Kafka' | 'SQS' | 'Redis Streams'

export interface BackendFacts {
  readonly bestFor: string
  readonly order: string
  readonly replay: string
  readonly delay: string
  readonly guarantee: string
  readonly operations: string
}

export const backends: { readonly [name in BackendName]: BackendFacts } = {
  RabbitMQ: {
    bestFor: 'Work queues with rich routing',
    order: 'Per queue; a requeue may overtake',
    replay: 'Only on streams',
    delay: 'By TTL and dead-letter queues',
    guarantee: 'At least once, with confirms and acks',
    operations: 'A cluster of your own, or hosted',
  },
  Kafka: {
    bestFor: 'Event logs that many read, at high volume',
    order: 'Per partition, by key',
    replay: 'Yes, from any offset or time',
    delay: 'None: a topic and a timer of yours',
    guarantee: 'At least once; transactions within Kafka',
    operations: 'A cluster, partitions to plan, or hosted',
  },
  SQS: {
    bestFor: 'Work queues that nobody has to run',
    order: 'FIFO queues: per message group',
    replay: 'No',
    delay: 'Up to 15 minutes per message (standard queues)',
    guarantee: 'At least once; FIFO drops repeats within 5 minutes',
    operations: 'None: a service, paid by the request',
  },
  'Redis Streams': {
    bestFor: 'Streams beside a Redis that is there already',
    order: 'Per stream',
    replay: 'Yes, until it is trimmed',
    delay: 'None: a sorted set and a mover',
    guarantee: 'At least once; what survives a crash depends on appendfsync',
    operations: 'A Redis, its memory, its replicas',
  },
}

interface Weight {
  /** 0: cannot, 1: with effort, 2: is made for it. */
  readonly points: 0 | 1 | 2
  readonly text: string
}

export interface Question {
  readonly id: string
  readonly text: string
  readonly weights: { readonly [name in BackendName]: Weight }
}

function weight(points: Weight['points'], text: string): Weight {
  return { points, text }
}

export const questions: readonly Question[] = [
  {
    id: 'replay',
    text: 'Must history be read again?',
    weights: {
      RabbitMQ: weight(1, 'Replay on stream queues; ordinary queues forget what was acked.'),
      Kafka: weight(2, 'Replay from any offset or time is what a log is.'),
      SQS: weight(0, 'No replay: a deleted message is gone.'),
      'Redis Streams': weight(2, 'Replay by id with XRANGE, until the stream is trimmed.'),
    },
  },
  {
    id: 'routing',
    text: 'Does who gets it depend on the message?',
    weights: {
      RabbitMQ: weight(2, 'Routing by key, pattern and header is built in.'),
      Kafka: weight(1, 'Routing is done by consumers, or by more topics.'),
      SQS: weight(1, 'Routing needs SNS in front, with filter policies.'),
      'Redis Streams': weight(0, 'No routing: the producer picks the stream.'),
    },
  },
  {
    id: 'retry',
    text: 'Must each message be retried by itself?',
    weights: {
      RabbitMQ: weight(2, 'Nack, limits and dead letters for each message.'),
      Kafka: weight(0, 'A group commits one offset: a failure blocks, or is put aside by you.'),
      SQS: weight(2, 'Visibility timeout and redrive policy for each message.'),
      'Redis Streams': weight(1, 'A pending list with delivery counts; the rest is yours.'),
    },
  },
  {
    id: 'order',
    text: 'Order by key, with many at work?',
    weights: {
      RabbitMQ: weight(1, 'A queue per key, or a hash exchange and single active consumers.'),
      Kafka: weight(2, 'A key stays in its partition, a partition with its consumer.'),
      SQS: weight(2, 'FIFO message groups do just this.'),
      'Redis Streams': weight(1, 'A stream per key range, shared out by you.'),
    },
  },
  {
    id: 'delay',
    text: 'Must messages wait until later?',
    weights: {
      RabbitMQ: weight(1, 'Wait queues with a TTL and a dead-letter exchange.'),
      Kafka: weight(0, 'No delay of its own.'),
      SQS: weight(2, 'DelaySeconds up to 15 minutes, on standard queues.'),
      'Redis Streams': weight(1, 'A sorted set beside the stream, and a mover.'),
    },
  },
  {
    id: 'nobody',
    text: 'Is there nobody to run it?',
    weights: {
      RabbitMQ: weight(1, 'Hosted by several; its cluster is worth knowing.'),
      Kafka: weight(1, 'Hosted by several; partitions and retention stay yours.'),
      SQS: weight(2, 'There is nothing to run.'),
      'Redis Streams': weight(
        1,
        'Hosted by several; its memory and persistence are to be watched.',
      ),
    },
  },
]

const signs = ['✕', '~', '✓'] as const

export interface Ranked {
  readonly name: BackendName
  readonly score: number
  readonly reasons: readonly { readonly sign: string; readonly text: string }[]
}

/** The four in the order of their points for the questions answered yes; ties keep their order. */
export function rankBackends(yes: ReadonlySet<string>): Ranked[] {
  const asked = questions.filter(question => yes.has(question.id))
  const names = Object.keys(backends) as BackendName[]
  const ranked = names.map(name => {
    const weights = asked.map(question => question.weights[name])
    return {
      name,
      score: weights.reduce((sum, { points }) => sum + points, 0),
      reasons: weights.map(({ points, text }) => ({ sign: signs[points], text })),
    }
  })
  return ranked.sort((a, b) => b.score - a.score)
}
