/** What can be done on RabbitMQ over AMQP 0-9-1, natively or by the driver, and what cannot. */

import { backoffMs } from '../../backoff.ts'
import type { Endpoint } from '../../driver.ts'
import {
  type Caution,
  emulated,
  type Feature,
  impossible,
  native,
  type Support,
} from '../../features.ts'
import { partitionsOf } from './names.ts'

const levelsMax = 255
const embedded = 'another backend: embedded'

export function supportOf(feature: Feature, endpoint: Endpoint): Support {
  const { name, kind, keyed, levels } = endpoint
  switch (feature) {
    case 'send':
    case 'consume':
    case 'nack':
    case 'lease':
    case 'ttl':
    case 'groups':
    case 'request':
    case 'purge':
    case 'at-most-once':
    case 'at-least-once':
      return native
    case 'attempts':
      return emulated(
        levels > 1
          ? 'a classic queue does not count: after the loss of a consumer a message is stored again with its count'
          : 'counted by the quorum queue; uncounted returns are corrected in a message that the users of the queue share',
      )
    case 'retry':
      return emulated(
        keyed
          ? 'the message stays unacknowledged at its consumer until its wait is over'
          : 'a copy in a quorum queue for each length of wait, confirmed before the message is acknowledged',
      )
    case 'dead-letter':
      return emulated('a copy with the error, confirmed before the message is acknowledged')
    case 'delay':
    case 'long-delay':
      return emulated(
        'a quorum queue for each length of wait (at most 49 days); after 32 lengths new ones are rounded up by up to 1/16',
      )
    case 'cancel':
      return impossible(
        'SPILLWAY_U_CANCEL',
        'rabbitmq cannot find one message among those that wait.',
        'ignore it when it comes',
        embedded,
      )
    case 'dedupe':
      return impossible(
        'SPILLWAY_U_DEDUPE',
        `rabbitmq keeps no ids: the same message sent to ${name} twice is two messages.`,
        'an inbox at the consumer',
        embedded,
      )
    case 'key':
      return emulated(
        `${partitionsOf(endpoint)} queues with one active consumer each: the first consumer has all of them, others take over when it goes`,
      )
    case 'priority':
      return priority(name, keyed, levels)
    case 'history':
      return kind === 'topic' ? native : emulated('only topics have one')
    case 'transaction':
      return impossible(
        'SPILLWAY_U_TXN',
        'rabbitmq has no transactions across queues: a batch may be stored in part.',
        'bus.outbox(…)',
        embedded,
      )
    case 'consume-publish':
    case 'effectively-once':
      return impossible(
        'SPILLWAY_U_ONCE',
        'rabbitmq cannot acknowledge and publish in one step.',
        'an inbox in the database of the handler',
        embedded,
      )
    case 'peek':
      return emulated(
        keyed
          ? 'messages are taken and given back; impossible while somebody consumes'
          : 'messages are taken and given back: others miss them for a moment',
      )
    case 'remove':
      return impossible(
        'SPILLWAY_U_REMOVE',
        'rabbitmq cannot delete one message without taking those before it.',
        'consume until it comes',
        embedded,
      )
    case 'depth':
      return emulated('what is in hand is only known of this connection’s own consumers')
  }
}

/** A consumer's message may be unsettled so long, unless the broker is set up otherwise. */
const consumerTimeoutMs = 30 * 60_000

/** What the broker does not tell over AMQP, and its users should know. */
export function cautionsOf(
  endpoint: Endpoint,
  { timeoutMs }: { readonly timeoutMs: number },
): readonly Caution[] {
  const { name, keyed, retry } = endpoint
  const cautions: Caution[] = []
  const waits = Array.from({ length: Math.max(0, Math.min(retry.attempts - 1, 1000)) }, (_, at) =>
    backoffMs(retry.backoff, at + 1),
  )
  const waitMs = keyed ? Math.max(0, ...waits) : 0
  if (Math.max(timeoutMs, waitMs) >= consumerTimeoutMs) {
    const what = waitMs >= consumerTimeoutMs ? 'a wait between attempts' : 'a handler'
    const why = `${what} of ${name} may take longer than 30 minutes, after which the broker takes its messages back (consumer_timeout); it has to be set higher.`
    cautions.push({ code: 'SPILLWAY_P_LEASE', feature: 'lease', why })
  }
  return cautions
}

function priority(name: string, keyed: boolean, levels: number): Support {
  if (keyed) {
    const why = `${name} has keys: in order for each key leaves no place for priorities.`
    return impossible('SPILLWAY_U_PRIORITY', why, 'a queue without key', 'a queue per priority')
  }
  if (levels - 1 > levelsMax) {
    const why = `${name} has ${levels} levels; rabbitmq has at most ${levelsMax + 1}.`
    return impossible('SPILLWAY_U_PRIORITY', why, 'fewer levels')
  }
  return { how: 'native', note: 'a classic queue: quorum queues of 3.10 have no priorities' }
}
