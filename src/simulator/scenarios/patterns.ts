/** Patterns: each one idea, as a scenario that runs. */

import type { ConsumerPlan, KnobSpec, Knobs, Plan, QueuePlan, Scenario } from '../scenario.ts'
import { around, attempts, consumers, failure, rate, toggle, work } from './knobs.ts'

export interface Pattern {
  readonly scenario: Scenario
  /** What it is for. */
  readonly use: string
  /** What to look at in the run. */
  readonly look: string
}

function pattern(
  id: string,
  title: string,
  text: readonly [use: string, look: string],
  knobs: readonly KnobSpec[],
  plan: (knobs: Knobs) => Plan,
): Pattern {
  const [use, look] = text
  return { use, look, scenario: { id: `pattern-${id}`, title, seed: 21, knobs, plan } }
}

function queue(
  name: string,
  column: number,
  row: number,
  config: QueuePlan['config'] = {},
): QueuePlan {
  return { name, title: name, place: { column, row }, config }
}

function worker(
  name: string,
  from: string,
  place: readonly [column: number, row: number],
  more: Partial<ConsumerPlan> = {},
): ConsumerPlan {
  return {
    name,
    title: name,
    place: { column: place[0], row: place[1] },
    queue: from,
    prefetch: 1,
    workMs: around(400),
    ...more,
  }
}

function team(count: number, from: string, column: number, more: Partial<ConsumerPlan> = {}) {
  return Array.from({ length: count }, (_, row) =>
    worker(`Worker ${row + 1}`, from, [column, row], more),
  )
}

const shop = { name: 'shop', title: 'Shop', place: { column: 0, row: 0 }, to: 'orders' }

export const patterns: readonly Pattern[] = [
  pattern(
    'point-to-point',
    'Point to point',
    [
      'One sender, one queue, one receiver: work that must be done once, by somebody.',
      'Each order is handed out, done, and gone.',
    ],
    [rate(), work({ value: 400 })],
    knobs => ({
      queues: [queue('orders', 1, 0)],
      producers: [{ ...shop, perSecond: knobs['rate']! }],
      consumers: team(1, 'orders', 2, { workMs: around(knobs['work']!) }),
    }),
  ),
  pattern(
    'competing-consumers',
    'Competing consumers',
    [
      'More workers on one queue: more work at once, and nobody has to share it out.',
      'Add workers until the pool stays empty. Orders of one customer may now overtake each other: see “out of order”.',
    ],
    [rate({ value: 6 }), consumers({ value: 3 }), work({ value: 700 })],
    knobs => ({
      queues: [queue('orders', 1, 0)],
      producers: [{ ...shop, perSecond: knobs['rate']! }],
      consumers: team(knobs['consumers']!, 'orders', 2, {
        workMs: [knobs['work']! * 0.4, knobs['work']! * 1.6].map(Math.round) as [number, number],
      }),
    }),
  ),
  pattern(
    'fan-out',
    'Publish and subscribe: fan-out',
    [
      'Everybody who subscribed gets a copy of their own. The publisher does not know who they are.',
      'One order, three effects. Crash one subscriber: the other two do not notice.',
    ],
    [rate()],
    knobs => ({
      queues: ['billing', 'stock', 'mail'].map((name, row) => queue(name, 2, row)),
      routes: [
        {
          name: 'placed',
          kind: 'fan-out',
          title: 'order.placed',
          place: { column: 1, row: 1 },
          bindings: ['billing', 'stock', 'mail'].map(name => ({ queue: name, key: '' })),
        },
      ],
      producers: [
        {
          ...shop,
          place: { column: 0, row: 1 },
          route: 'placed',
          to: '',
          perSecond: knobs['rate']!,
        },
      ],
      consumers: ['billing', 'stock', 'mail'].map((name, row) =>
        worker(`${name} service`, name, [3, row]),
      ),
    }),
  ),
  pattern(
    'topic-routing',
    'Routing by topic',
    [
      'Messages have a name of several words; each queue says with a pattern which it wants. `*` is one word, `#` is any number.',
      'eu gets only order.eu.*; refunds gets order.*.refund; audit gets everything.',
    ],
    [rate({ value: 3 })],
    knobs => ({
      queues: ['eu', 'refunds', 'audit'].map((name, row) => queue(name, 2, row)),
      routes: [
        {
          name: 'events',
          kind: 'pattern',
          title: 'events (topic)',
          place: { column: 1, row: 1 },
          bindings: [
            { queue: 'eu', key: 'order.eu.*' },
            { queue: 'refunds', key: 'order.*.refund' },
            { queue: 'audit', key: '#' },
          ],
        },
      ],
      producers: [
        {
          ...shop,
          place: { column: 0, row: 1 },
          route: 'events',
          to: ['order.eu.placed', 'order.us.placed', 'order.eu.refund', 'order.us.refund'],
          perSecond: knobs['rate']!,
        },
      ],
      consumers: ['eu', 'refunds', 'audit'].map((name, row) =>
        worker(`${name} team`, name, [3, row], { workMs: around(200) }),
      ),
    }),
  ),
  pattern(
    'priority',
    'Priority',
    [
      'What is urgent goes first, however long the line is.',
      'Every fifth order is express. Send a spike, follow an express order, then an ordinary one of the same moment.',
    ],
    [rate({ value: 3 }), work({ value: 500 })],
    knobs => ({
      queues: [queue('orders', 1, 0, { levels: 2 })],
      producers: [
        { ...shop, perSecond: knobs['rate']!, priority: number => (number % 5 === 0 ? 1 : 0) },
      ],
      consumers: team(1, 'orders', 2, { workMs: around(knobs['work']!) }),
    }),
  ),
  pattern(
    'delay',
    'Delay',
    [
      'A message for later: remind them in ten minutes, try again in an hour.',
      'Each reminder is due 5 s after it was sent. Until then it is ◔ later, and no worker sees it.',
    ],
    [rate({ value: 1 })],
    knobs => ({
      queues: [queue('reminders', 1, 0)],
      producers: [{ ...shop, to: 'reminders', perSecond: knobs['rate']!, delayMs: () => 5000 }],
      consumers: team(1, 'reminders', 2, { verb: 'reminded' }),
    }),
  ),
  pattern(
    'dead-letters',
    'Dead letters',
    [
      'What cannot be handled is put aside, with the reason, where a person looks at it.',
      'Every tenth order is poison. After three attempts it leaves the line; the others go on.',
    ],
    [rate(), attempts()],
    knobs => ({
      queues: [
        queue('orders', 1, 0, {
          attemptsMax: knobs['attempts']!,
          deadLetter: { route: '', key: 'orders.dead' },
        }),
        { ...queue('orders.dead', 1, 1), isDead: true },
      ],
      producers: [{ ...shop, perSecond: knobs['rate']!, poison: number => number % 10 === 0 }],
      consumers: team(2, 'orders', 2),
    }),
  ),
  pattern(
    'backoff',
    'Retry with backoff',
    [
      'Most failures pass by themselves, if you give them time: 1 s, 2 s, 4 s, 8 s.',
      'Turn the failure rate up. What failed waits ◔ longer each time, and does not hold up the rest.',
    ],
    [rate(), failure({ value: 40 })],
    knobs => ({
      queues: [queue('orders', 1, 0, { retry: { minMs: 1000, maxMs: 60_000, factor: 2 } })],
      producers: [{ ...shop, perSecond: knobs['rate']! }],
      consumers: team(2, 'orders', 2, { failureRate: knobs['failure']! / 100 }),
    }),
  ),
  pattern(
    'request-reply',
    'Request and reply',
    [
      'A question through one queue, its answer through another, joined by an id. For work that is slow or far; not as a substitute for a plain call.',
      'Every question has two effects in the ledger: answered, and received. Crash the service: the asker waits.',
    ],
    [rate({ value: 1 })],
    knobs => ({
      queues: [queue('quotes', 1, 0), queue('replies', 1, 1)],
      producers: [{ ...shop, to: 'quotes', perSecond: knobs['rate']! }],
      consumers: [
        worker('Quote service', 'quotes', [2, 0], { forwardTo: 'replies', verb: 'answered' }),
        worker('Asker', 'replies', [2, 1], { workMs: [20, 40], verb: 'received' }),
      ],
    }),
  ),
  pattern(
    'ordering',
    'Order by key',
    [
      'In sequence where it matters (one customer), at once where it does not (different customers).',
      'Switch the groups off: the same workers now overtake each other, and “out of order” rises.',
    ],
    [rate({ value: 6 }), toggle('grouped', 'A group per customer', 1)],
    knobs => ({
      queues: [queue('orders', 1, 0, { ordering: knobs['grouped'] === 1 ? 'group' : 'none' })],
      producers: [{ ...shop, perSecond: knobs['rate']!, grouped: true, keys: 6 }],
      consumers: team(4, 'orders', 2, { workMs: [100, 900] }),
    }),
  ),
  pattern(
    'log',
    'Log and replay',
    [
      'Records stay, and readers keep a place in them. Two groups read the same log, each at its own pace, each as often as it likes.',
      'Slow the report down: it falls behind, and billing does not notice. Neither takes anything away from the other.',
    ],
    [rate({ value: 3 }), work({ name: 'report', label: 'The report takes', value: 300 })],
    knobs => ({
      queues: [{ ...queue('orders', 1, 0), title: 'orders (a log)', isLog: true }],
      producers: [{ ...shop, perSecond: knobs['rate']! }],
      consumers: [],
      readers: [
        {
          name: 'billing',
          title: 'Billing group',
          place: { column: 2, row: 0 },
          log: 'orders',
          group: 'billing',
          workMs: 150,
          commitEveryMs: 0,
        },
        {
          name: 'report',
          title: 'Report group',
          place: { column: 2, row: 1 },
          log: 'orders',
          group: 'report',
          workMs: knobs['report']!,
          commitEveryMs: 0,
        },
      ],
    }),
  ),
  pattern(
    'outbox',
    'Transactional outbox',
    [
      'The message is a row in the transaction that made the order; a relay sends it afterwards. Either both exist, or neither.',
      'Crash the shop as often as you like. Then switch the outbox off, and crash it again.',
    ],
    [rate({ value: 8 }), toggle('outbox', 'Outbox', 1)],
    knobs => ({
      queues: [{ ...queue('orders', 1, 0), dedupeWindowMs: 600_000 }],
      producers: [
        {
          ...shop,
          perSecond: knobs['rate']!,
          dedupe: true,
          database: knobs['outbox'] === 1 ? 'outbox' : 'dual',
        },
      ],
      consumers: team(2, 'orders', 2, { workMs: around(120) }),
    }),
  ),
  pattern(
    'idempotent',
    'Idempotent consumer',
    [
      'A memory of what has been done, kept in the same transaction as doing it. A repeat is recognised, and does nothing.',
      'The lease is shorter than the slowest work, so orders do come twice. Switch the memory off.',
    ],
    [rate({ value: 1 }), toggle('idempotent', 'Remembers what it did', 1)],
    knobs => ({
      queues: [queue('orders', 1, 0)],
      producers: [{ ...shop, perSecond: knobs['rate']! }],
      consumers: team(3, 'orders', 2, {
        workMs: [800, 2600],
        leaseMs: 2000,
        idempotent: knobs['idempotent'] === 1,
      }),
    }),
  ),
  pattern(
    'saga',
    'Saga by choreography',
    [
      'A business process over several services, none of which is in charge: each does its part and tells the next.',
      'Pay, then reserve, then ship. Crash the middle one: the process stands still there, and goes on when it is back.',
    ],
    [rate({ value: 1 })],
    knobs => ({
      queues: ['placed', 'paid', 'reserved'].map((name, row) => queue(name, 1, row)),
      producers: [{ ...shop, to: 'placed', perSecond: knobs['rate']! }],
      consumers: [
        worker('Payment', 'placed', [2, 0], { forwardTo: 'paid', verb: 'charged' }),
        worker('Stock', 'paid', [2, 1], { forwardTo: 'reserved', verb: 'reserved' }),
        worker('Shipping', 'reserved', [2, 2], { verb: 'shipped' }),
      ],
    }),
  ),
]
