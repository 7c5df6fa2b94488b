/** The scenarios of the guide's chapters; the pitfalls have a file of their own. */

import type { ConsumerPlan, Knobs, Plan, Scenario } from '../scenario.ts'
import {
  around,
  attempts,
  consumers,
  failure,
  lease,
  prefetch,
  rate,
  toggle,
  work,
} from './knobs.ts'

const services = [
  { name: 'payment', title: 'Payment', verb: 'charged', workMs: 120 },
  { name: 'inventory', title: 'Inventory', verb: 'reserved', workMs: 80 },
  { name: 'email', title: 'E-mail', verb: 'mailed', workMs: 150 },
  { name: 'warehouse', title: 'Warehouse', verb: 'picked', workMs: 200 },
  { name: 'analytics', title: 'Analytics', verb: 'counted', workMs: 50 },
] as const

const shopKnobs = [
  rate({ value: 1, max: 5 }),
  work({ label: 'E-mail takes', value: 150, max: 5000, name: 'email' }),
  toggle('warehouseDown', 'Warehouse is down'),
]

/** Chapter 1: no queue. The user waits for the sum, and one that is down fails everything. */
export const problem: Scenario = {
  id: 'problem',
  title: 'An order, one call after the other',
  seed: 11,
  knobs: shopKnobs,
  plan: knobs => ({
    queues: [],
    producers: [],
    consumers: [],
    chain: {
      name: 'shop',
      title: 'Order API',
      place: { column: 0, row: 2 },
      perSecond: Math.max(0.1, knobs['rate']!),
      workers: 4,
      timeoutMs: 3000,
      steps: services.map(({ name, title, workMs }, row) => ({
        name,
        title,
        place: { column: 1, row },
        workMs: name === 'email' ? knobs['email']! : workMs,
        down: name === 'warehouse' && knobs['warehouseDown'] === 1,
      })),
    },
  }),
}

/** Chapter 2: the same shop with a queue per service. */
export const solution: Scenario = {
  id: 'solution',
  title: 'The same shop, with a queue in front of each service',
  seed: 12,
  knobs: shopKnobs,
  plan: knobs => ({
    queues: services.map(({ name }, row) => ({
      name,
      title: name,
      place: { column: 2, row },
      config: {},
    })),
    routes: [
      {
        name: 'order-placed',
        kind: 'fan-out',
        title: 'order.placed',
        place: { column: 1, row: 2 },
        bindings: services.map(({ name }) => ({ queue: name, key: '' })),
      },
    ],
    producers: [
      {
        name: 'shop',
        title: 'Order API',
        place: { column: 0, row: 2 },
        route: 'order-placed',
        to: '',
        perSecond: knobs['rate']!,
      },
    ],
    consumers: services
      .map(
        ({ name, title, verb, workMs }, row): ConsumerPlan => ({
          name: `${name}-service`,
          title,
          verb,
          place: { column: 3, row },
          queue: name,
          prefetch: 1,
          workMs: around(name === 'email' ? knobs['email']! : workMs),
        }),
      )
      .filter(({ queue }) => queue !== 'warehouse' || knobs['warehouseDown'] === 0),
  }),
}

/** The one with all knobs: a queue, workers, a place for dead letters. */
function ordersPlan(knobs: Knobs, more: Partial<ConsumerPlan> = {}): Plan {
  const leaseMs = knobs['lease']
  const minMs = knobs['backoff'] ?? 0
  return {
    queues: [
      {
        name: 'orders',
        title: 'orders',
        place: { column: 1, row: 0 },
        config: {
          deadLetter: { route: '', key: 'orders.dead' },
          attemptsMax: knobs['attempts'] ?? 3,
          retry: minMs > 0 ? { minMs, maxMs: 60_000, factor: 2 } : undefined,
        },
      },
      {
        name: 'orders.dead',
        title: 'dead letters',
        place: { column: 1, row: 1 },
        config: {},
        isDead: true,
      },
    ],
    producers: [
      {
        name: 'shop',
        title: 'Shop',
        place: { column: 0, row: 0 },
        to: 'orders',
        perSecond: knobs['rate']!,
        ...(knobs['poison'] === 1 ? { poison: (number: number) => number % 10 === 0 } : {}),
      },
    ],
    consumers: Array.from({ length: knobs['consumers']! }, (_, index) => ({
      name: `worker ${index + 1}`,
      title: `Worker ${index + 1}`,
      verb: 'charged',
      place: { column: 2, row: index },
      queue: 'orders',
      prefetch: knobs['prefetch']!,
      workMs: around(knobs['work']!),
      failureRate: (knobs['failure'] ?? 0) / 100,
      idempotent: knobs['idempotent'] === 1,
      ...(leaseMs === undefined || leaseMs === 0 ? {} : { leaseMs }),
      ...more,
    })),
  }
}

/** Chapter 3: everything can be turned. */
export const simulator: Scenario = {
  id: 'simulator',
  title: 'Orders, workers, and everything that can go wrong',
  seed: 42,
  knobs: [
    rate({ value: 2, max: 50 }),
    consumers(),
    work(),
    failure(),
    prefetch(),
    lease({ min: 0, value: 0 }),
    attempts({ value: 5 }),
    {
      name: 'backoff',
      label: 'First wait before a retry',
      min: 0,
      max: 5000,
      step: 100,
      value: 500,
      kind: 'ms',
    },
    toggle('poison', 'Every tenth order is poison'),
    toggle('idempotent', 'Workers are idempotent'),
  ],
  plan: knobs => ordersPlan(knobs),
  lengthMs: 120_000,
}

/** Chapter 4: one worker, slow enough to see an acknowledgement. */
export const howItWorks: Scenario = {
  id: 'how-it-works',
  title: 'Stay until acknowledged',
  seed: 4,
  knobs: [
    rate({ value: 1, max: 5 }),
    consumers({ value: 1, max: 4 }),
    work({ value: 1500 }),
    prefetch({ value: 1, max: 20 }),
  ],
  plan: knobs => ordersPlan({ ...knobs, attempts: 5 }),
}

/** Chapter 4: the reader is the consumer. */
export const beTheConsumer: Scenario = {
  id: 'be-the-consumer',
  title: 'You are the consumer',
  seed: 8,
  knobs: [rate({ value: 0.5, min: 0, max: 2, step: 0.5 }), lease({ value: 15_000 })],
  plan: knobs => {
    const plan = ordersPlan({ ...knobs, consumers: 1, prefetch: 1, work: 1000, attempts: 3 })
    const [worker] = plan.consumers
    return { ...plan, consumers: [{ ...worker!, name: 'you', title: 'You', manual: true }] }
  },
}

/** Chapter 6: the same work, asked for or told. */
export const askOrTell: Scenario = {
  id: 'ask-or-tell',
  title: 'The same work: asked for, or told',
  seed: 61,
  knobs: [
    rate({ value: 1, max: 5 }),
    work({ label: 'The work takes', value: 400, max: 4000 }),
    { ...toggle('later', 'It may be done later'), restarts: true },
  ],
  plan: knobs => (knobs['later'] === 1 ? told(knobs) : asked(knobs)),
}

function asked(knobs: Knobs): Plan {
  const place = { column: 1, row: 0 }
  const step = { name: 'service', title: 'The service', place, workMs: knobs['work']! }
  return {
    queues: [],
    producers: [],
    consumers: [],
    chain: {
      name: 'shop',
      title: 'Shop, which waits',
      place: { column: 0, row: 0 },
      perSecond: Math.max(0.1, knobs['rate']!),
      workers: 4,
      timeoutMs: 3000,
      steps: [step],
    },
  }
}

function told(knobs: Knobs): Plan {
  return {
    queues: [{ name: 'work', title: 'work', place: { column: 1, row: 0 }, config: {} }],
    producers: [
      {
        name: 'shop',
        title: 'Shop, which goes on',
        place: { column: 0, row: 0 },
        route: '',
        to: 'work',
        perSecond: knobs['rate']!,
      },
    ],
    consumers: [
      {
        name: 'service',
        title: 'The service',
        verb: 'did',
        place: { column: 2, row: 0 },
        queue: 'work',
        prefetch: 1,
        workMs: around(knobs['work']!),
      },
    ],
  }
}

/** Chapter 11: the rate, the work and the consumers decide how long the last one waits. */
export const waiting: Scenario = {
  id: 'waiting',
  title: 'How long does the last one wait?',
  seed: 110,
  knobs: [rate({ value: 4, max: 20 }), work({ value: 800 }), consumers({ value: 3, min: 1 })],
  plan: knobs => ordersPlan({ ...knobs, prefetch: 1, attempts: 5 }),
}

/** Chapter 7: one guarantee under the same crash; three of them stand side by side. */
function guarantee(id: string, title: string, more: Partial<ConsumerPlan>): Scenario {
  return {
    id: `guarantee-${id}`,
    title,
    seed: 77,
    knobs: [rate({ value: 2, max: 10 }), work({ value: 400, max: 2000 })],
    plan: knobs => {
      const plan = ordersPlan({ ...knobs, consumers: 1, prefetch: 3 })
      const [producer] = plan.producers
      return {
        ...plan,
        queues: [{ ...plan.queues[0]!, config: {} }],
        producers: [{ ...producer!, total: 40 }],
        consumers: plan.consumers.map(consumer => ({
          ...consumer,
          ...more,
          crashAt: { message: 6, when: more.ack === 'before' ? 'working' : 'after-effect' },
          restartMs: 2000,
        })),
      }
    },
    lengthMs: 60_000,
  }
}

export const atMostOnce = guarantee('at-most-once', 'At most once', { ack: 'before' })
export const atLeastOnce = guarantee('at-least-once', 'At least once', { ack: 'after' })
export const effectivelyOnce = guarantee('effectively-once', 'Effectively once', {
  ack: 'after',
  idempotent: true,
})

export const guideScenarios: readonly Scenario[] = [
  problem,
  solution,
  simulator,
  howItWorks,
  beTheConsumer,
  atMostOnce,
  atLeastOnce,
  effectivelyOnce,
  askOrTell,
  waiting,
]
