/**
 * Twelve pitfalls. Each is one scenario with one switch, `fixed`: broken, the ledger shows the harm
 * in a figure; fixed, the same run with the same seed does not have it. `harm` is that figure.
 */

import type { LedgerCounts } from '../ledger.ts'
import type { ConsumerPlan, Knobs, Plan, ProducerPlan, QueuePlan, Scenario } from '../scenario.ts'
import { around, toggle } from './knobs.ts'

export interface Pitfall {
  readonly scenario: Scenario
  /** What is wrong, as the reader sees it in the run. */
  readonly symptom: string
  /** Why. */
  readonly cause: string
  /** What the switch changes. */
  readonly fix: string
  /** The figure of the ledger that shows it, in words and as a number. */
  readonly figure: string
  readonly harm: (counts: LedgerCounts) => number
  /** How long the comparison runs. */
  readonly lengthMs: number
}

interface Draft extends Omit<Pitfall, 'scenario' | 'lengthMs'> {
  readonly id: string
  readonly title: string
  readonly plan: (fixed: boolean) => Plan
  readonly script?: Scenario['script']
  readonly seed?: number
  readonly lengthMs?: number
}

function pitfall(draft: Draft): Pitfall {
  const { id, title, plan, script, seed = 10, lengthMs = 60_000, ...rest } = draft
  return {
    ...rest,
    lengthMs,
    scenario: {
      id: `pitfall-${id}`,
      title,
      seed,
      knobs: [{ ...toggle('fixed', 'Fixed'), restarts: true }],
      plan: (knobs: Knobs) => plan(knobs['fixed'] === 1),
      ...(script === undefined ? {} : { script }),
      lengthMs,
    },
  }
}

const dead: QueuePlan = {
  name: 'orders.dead',
  title: 'dead letters',
  place: { column: 1, row: 1 },
  config: {},
  isDead: true,
}

const toDead = { route: '', key: 'orders.dead' } as const

function orders(config: QueuePlan['config'] = {}, more: Partial<QueuePlan> = {}): QueuePlan {
  return { name: 'orders', title: 'orders', place: { column: 1, row: 0 }, config, ...more }
}

function shop(more: Partial<ProducerPlan> = {}): ProducerPlan {
  return {
    name: 'shop',
    title: 'Shop',
    place: { column: 0, row: 0 },
    to: 'orders',
    perSecond: 2,
    ...more,
  }
}

function workers(count: number, more: Partial<ConsumerPlan> = {}): ConsumerPlan[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `worker ${index + 1}`,
    title: `Worker ${index + 1}`,
    verb: 'charged',
    place: { column: 2, row: index },
    queue: 'orders',
    prefetch: 1,
    workMs: around(400),
    ...more,
  }))
}

export const pitfalls: readonly Pitfall[] = [
  pitfall({
    id: 'ack-before-work',
    title: 'Acknowledging before the work',
    symptom: 'The worker crashes, comes back, and some orders are simply gone.',
    cause:
      'An ack says "I am done with it". Sent first, it tells the broker to forget a message that only the worker’s memory still has.',
    fix: 'Acknowledge after the effect.',
    figure: 'orders lost',
    harm: counts => counts.lost,
    plan: fixed => ({
      queues: [orders()],
      producers: [shop({ perSecond: 4, total: 60 })],
      consumers: workers(1, {
        prefetch: 5,
        ack: fixed ? 'after' : 'before',
        crashAt: { message: 8, when: 'working' },
      }),
    }),
  }),
  pitfall({
    id: 'short-lease',
    title: 'A visibility timeout shorter than the work',
    symptom: 'Orders are charged two and three times, though nothing crashes.',
    cause:
      'The lease ends while the worker still works. The broker must take it for dead, and hands the message to somebody else.',
    fix: 'Extend the lease while working (a heartbeat), or make it longer than the slowest work.',
    figure: 'charged again',
    harm: counts => counts.duplicated,
    plan: fixed => ({
      queues: [orders()],
      producers: [shop({ perSecond: 0.5, total: 20 })],
      consumers: workers(2, { workMs: [1200, 3000], leaseMs: 2000, heartbeat: fixed }),
    }),
  }),
  pitfall({
    id: 'poison',
    title: 'A poison message that blocks its partition',
    symptom: 'One customer’s order cannot be parsed. Everything behind it waits, for ever.',
    cause:
      'In an ordered lane the next message waits for the one before. One that always fails, and always comes back to the front, never lets them through.',
    fix: 'Limit the attempts, and send what has used them up to the dead letters.',
    figure: 'orders stuck',
    harm: counts => counts.inFlight - counts.dead,
    plan: fixed => ({
      queues: [
        orders({
          ordering: 'group',
          ...(fixed ? { attemptsMax: 3, deadLetter: toDead } : {}),
          retry: { minMs: 300, maxMs: 300, factor: 1 },
        }),
        dead,
      ],
      producers: [shop({ grouped: true, keys: 3, poison: number => number === 7, total: 40 })],
      consumers: workers(2, { workMs: around(150) }),
    }),
  }),
  pitfall({
    id: 'prefetch',
    title: 'Prefetch that hoards',
    symptom: 'Four workers, and one does everything while three are idle.',
    cause:
      'The first worker was given a hundred messages at once. What it holds, nobody else can take, however idle they are.',
    fix: 'A prefetch about as large as what one worker does in a round trip: here, 1.',
    figure: 'orders still waiting after 20 s',
    harm: counts => counts.inFlight,
    lengthMs: 20_000,
    plan: fixed => ({
      queues: [orders()],
      producers: [shop({ perSecond: 0 })],
      consumers: workers(4, { prefetch: fixed ? 1 : 100, workMs: around(500) }).map(
        (worker, index) => ({ ...worker, startAtMs: index === 0 ? 0 : 1000 }),
      ),
    }),
    script: [{ atMs: 500, input: { kind: 'send', count: 80 } }],
  }),
  pitfall({
    id: 'hot-loop',
    title: 'The requeue hot loop',
    symptom:
      'Three orders cannot be handled. They are delivered over and over, and the others wait.',
    cause:
      'A nack with requeue puts the message back at the front, at once. The worker gets it again, fails again: a loop as fast as the machine.',
    fix: 'Wait before each retry, longer each time, and give up after some attempts.',
    figure: 'deliveries',
    harm: counts => counts.deliveries,
    lengthMs: 30_000,
    plan: fixed => ({
      queues: [
        orders(
          fixed
            ? {
                retry: { minMs: 1000, maxMs: 30_000, factor: 2 },
                attemptsMax: 5,
                deadLetter: toDead,
              }
            : {},
        ),
        dead,
      ],
      producers: [shop({ perSecond: 1, poison: number => number % 8 === 0, total: 24 })],
      consumers: workers(1, { workMs: [10, 20] }),
    }),
  }),
  pitfall({
    id: 'retry-storm',
    title: 'The retry storm',
    symptom: 'The payment service was down for five seconds. It stays down long after.',
    cause:
      'All that failed comes back at the same moment, more than the service bears; so it fails again, together, again.',
    fix: 'Back off exponentially, with jitter: the retries spread, and the service gets its breath.',
    figure: 'failed calls',
    harm: counts => counts.failedCalls,
    plan: fixed => ({
      queues: [orders()],
      producers: [shop({ perSecond: 4 })],
      consumers: workers(8, {
        workMs: [20, 40],
        prefetch: 20,
        downstream: 'payment service',
        onFailure: 'return-later',
        backoff: fixed
          ? { minMs: 1000, maxMs: 16_000, jitter: true }
          : { minMs: 250, maxMs: 250, jitter: false },
      }),
      downstreams: [
        {
          name: 'payment service',
          title: 'Payment service',
          place: { column: 3, row: 3 },
          perSecond: 10,
          downMs: [5000, 10_000],
        },
      ],
    }),
  }),
  pitfall({
    id: 'dual-write',
    title: 'The dual write',
    symptom: 'Orders are in the database, and their messages were never sent.',
    cause:
      'Two systems are written one after the other. A crash in between leaves the first without the second, and nobody can tell.',
    fix: 'An outbox: the message is a row in the same transaction; a relay sends it, again if need be.',
    figure: 'orders lost',
    harm: counts => counts.lost,
    plan: fixed => ({
      queues: [orders({}, { dedupeWindowMs: 600_000 })],
      producers: [
        shop({ perSecond: 10, total: 150, dedupe: true, database: fixed ? 'outbox' : 'dual' }),
      ],
      consumers: workers(1, { workMs: around(60) }),
    }),
    script: [6000, 12_000, 18_000].map(atMs => ({
      atMs,
      input: { kind: 'crash-producer' } as const,
    })),
  }),
  pitfall({
    id: 'unbounded',
    title: 'The unbounded queue',
    symptom: 'Everything looks well, and the wait grows by the minute.',
    cause:
      'More comes in than goes out, and the queue hides it. It is a buffer for spikes, not for a lasting difference.',
    fix: 'Bound it: the producer hears "full", and slows down. Then add workers.',
    figure: 'longest backlog',
    harm: counts => counts.backlogMax,
    plan: fixed => ({
      queues: [orders(fixed ? { countMax: 20, overflow: 'reject' } : {})],
      producers: [shop({ perSecond: 8, whenRefused: 'wait' })],
      consumers: workers(2, { workMs: around(500) }),
    }),
  }),
  pitfall({
    id: 'not-idempotent',
    title: 'A consumer that is not idempotent',
    symptom: 'The worker crashes once, and a customer is charged twice.',
    cause:
      'It died after the charge and before the ack. At least once means: the message comes again, and must.',
    fix: 'Remember the id of what was done, in the same transaction as doing it (an inbox).',
    figure: 'charged again',
    harm: counts => counts.duplicated,
    plan: fixed => ({
      queues: [orders()],
      producers: [shop({ total: 40 })],
      consumers: workers(1, {
        idempotent: fixed,
        crashAt: { message: 6, when: 'after-effect' },
      }),
    }),
  }),
  pitfall({
    id: 'rebalance',
    title: 'A rebalance that repeats work',
    symptom: 'Each time a member joins the group, the last seconds are done again.',
    cause:
      'The group’s place is committed every five seconds. Whoever takes over begins at the committed place, not at the real one.',
    fix: 'Commit what is done before giving up the partition.',
    figure: 'charged again',
    harm: counts => counts.duplicated,
    plan: fixed => ({
      queues: [orders({}, { isLog: true, title: 'orders (a log)' })],
      producers: [shop({ perSecond: 4 })],
      consumers: [],
      readers: [
        {
          name: 'billing',
          title: 'Billing group',
          place: { column: 2, row: 0 },
          log: 'orders',
          group: 'billing',
          workMs: 150,
          commitEveryMs: 5000,
          rebalanceAtMs: [9000, 19_000, 33_500, 48_000],
          commitsBeforeRebalance: fixed,
        },
      ],
    }),
  }),
  pitfall({
    id: 'fifo-stall',
    title: 'One group for everything',
    symptom: 'Eight workers on a FIFO queue, and only one of them ever works.',
    cause:
      'Order holds within a message group, and one message of a group is out at a time. With a single group that is one in all.',
    fix: 'A group per customer: order where it matters, eight at once elsewhere.',
    figure: 'orders still waiting after 30 s',
    harm: counts => counts.inFlight,
    lengthMs: 30_000,
    plan: fixed => ({
      queues: [orders({ ordering: 'group' })],
      producers: [shop({ perSecond: 6, keys: 12, grouped: fixed ? true : 'single' })],
      consumers: workers(8, { workMs: around(600) }),
    }),
  }),
  pitfall({
    id: 'ttl-head',
    title: 'A TTL behind the head of the line',
    symptom: 'Reminders that should come after 2 s come after 20.',
    cause:
      'A wait queue made of TTLs is looked at from its head. Behind one that waits for 20 s, one that waits for 2 s is not seen.',
    fix: 'A real delay, which is ordered by when it is due (or one queue per wait).',
    figure: 'reminders late',
    harm: counts => counts.late,
    lengthMs: 45_000,
    plan: fixed => {
      const waitMs = (number: number) => (number % 5 === 1 ? 20_000 : 2000)
      return {
        queues: [
          orders({}, { place: { column: 2, row: 0 } }),
          ...(fixed
            ? []
            : [
                {
                  name: 'wait',
                  title: 'wait (TTL)',
                  place: { column: 1, row: 0 },
                  config: { deadLetter: { route: '', key: 'orders' } },
                },
              ]),
        ],
        producers: [
          shop(
            fixed
              ? { perSecond: 1, total: 20, delayMs: waitMs }
              : { perSecond: 1, total: 20, to: 'wait', ttlMs: waitMs },
          ),
        ],
        consumers: workers(1, { verb: 'reminded', workMs: [50, 80], place: { column: 3, row: 0 } }),
      }
    },
  }),
]
