/** What SQS can do, and what there is to know about a queue as it is set up. */

import type { Endpoint } from '../../driver.ts'
import { type Caution, emulated, type Feature, impossible, type Support } from '../../features.ts'
import { hiddenMax } from './door.ts'
import { fifoWindowMs, isFifo } from './names.ts'

function native(note?: string): Support {
  return { how: 'native', note }
}

export function supportOf(feature: Feature, endpoint: Endpoint): Support {
  if (endpoint.kind === 'topic') return noTopics(endpoint)
  const { name, role, dedupeMs } = endpoint
  const fifo = isFifo(endpoint)
  switch (feature) {
    case 'send':
      return native(fifo ? 'FIFO queue, up to 1 MiB' : 'standard queue, up to 1 MiB')
    case 'consume':
      return native('polls, one at a time while it is quiet: wait= in the URL says how long each')
    case 'lease':
    case 'at-least-once':
    case 'at-most-once':
      return native()
    case 'nack':
      return native(
        fifo
          ? 'shown again; what another process gave back counts as an attempt'
          : 'sent again with its count of attempts, then deleted: SQS takes no receive back',
      )
    case 'retry':
      return native('up to 12 hours; less than a second more exactly while the process lives')
    case 'attempts':
      return native(
        fifo
          ? 'receives, less those that this process gave back unhandled'
          : 'receives, and those before a copy that was given back',
      )
    case 'dead-letter':
      return native('sent with the error, then deleted: a crash between gives two letters')
    case 'delay':
      return fifo ? noDelay(name) : native('whole seconds')
    case 'long-delay':
      if (fifo) return noDelay(name)
      return emulated(`one receive and one send each 15 minutes, by the queue's consumers`)
    case 'dedupe':
      if (dedupeMs === undefined || dedupeMs === fifoWindowMs) {
        return native('a FIFO queue, 5 minutes; of what others sent no receipt says duplicate')
      }
      return impossible(
        'SPILLWAY_U_DEDUPE',
        `sqs knows duplicates for 5 minutes, never for ${dedupeMs} ms, which ${name} asks for.`,
        "window: '5m'",
        'an inbox in a database (once)',
        'another backend: redis, embedded',
      )
    case 'key':
      return native('FIFO queue, a message group for each key; a receive for each message')
    case 'priority':
      return impossible(
        'SPILLWAY_U_PRIORITY',
        'sqs has no priorities.',
        'a queue for each priority',
        'another backend: rabbitmq, embedded',
      )
    case 'ttl':
      return impossible(
        'SPILLWAY_U_TTL',
        'sqs lets no single message expire, only all of a queue after the same time.',
        "options: { sqs: { attributes: { MessageRetentionPeriod: '3600' } } }",
        'a deadline in the body',
      )
    case 'request':
      return emulated('a reply queue for each client, polled; a crash leaves it behind')
    case 'transaction':
      return impossible(
        'SPILLWAY_U_TXN',
        'sqs has no transactions: a batch may fail in part.',
        'bus.outbox(…)',
        'sends that are idempotent by dedupe',
      )
    case 'consume-publish':
      return impossible(
        'SPILLWAY_U_TXN',
        'sqs cannot acknowledge and publish in one step.',
        'an inbox and an outbox in a database',
      )
    case 'effectively-once':
      return impossible(
        'SPILLWAY_U_ONCE',
        'sqs cannot acknowledge together with the effect.',
        'an inbox in a database (once)',
      )
    case 'cancel':
    case 'remove':
      return impossible(
        'SPILLWAY_U_REMOVE',
        'sqs deletes no message but one that was received.',
        'consume, and ignore it',
      )
    case 'peek':
      if (role === 'dead') {
        return emulated('each look is a receive: the letters are hidden from others meanwhile')
      }
      return impossible(
        'SPILLWAY_U_PEEK',
        'sqs shows no message without a receive, which counts as an attempt.',
        'depth',
        'the dead letters, where attempts are over',
      )
    case 'purge':
      return native('once in 60 seconds, and complete after 60 seconds')
    case 'depth':
      return native('approximate')
    case 'groups':
    case 'history':
      return noTopics(endpoint)
  }
}

function noDelay(name: string): Support {
  return impossible(
    'SPILLWAY_U_DELAY',
    `sqs cannot delay a single message of a FIFO queue, which ${name} is.`,
    'a queue without key and window',
    'a scheduler (EventBridge)',
    'another backend: rabbitmq, embedded',
  )
}

function noTopics({ name }: Endpoint): Support {
  return impossible(
    'SPILLWAY_U_TOPIC',
    `sqs has queues alone: the topic ${name} needs SNS, which fills a queue for each group.`,
    'SNS, and a queue contract for each of its queues',
    'a send to each queue',
    'another backend: kafka, rabbitmq, embedded',
  )
}

/** `attributes` as SQS tells them; undefined: the queue is not there yet. */
export function cautionsOf(
  endpoint: Endpoint,
  timeoutMs: number,
  attributes: Partial<Record<string, string>> | undefined,
): Caution[] {
  const cautions: Caution[] = []
  const { name, retry } = endpoint
  if (timeoutMs > hiddenMax * 1000) {
    const why = `sqs hides a message for 12 hours at most; ${name} may be handled for longer.`
    cautions.push({ code: 'SPILLWAY_P_LEASE', feature: 'lease', why })
  }
  const longest = longestWait(retry.backoff)
  if (isFifo(endpoint) && longest > hiddenMax * 1000) {
    const why = `sqs hides a message for 12 hours at most; the backoff of ${name} waits longer.`
    cautions.push({ code: 'SPILLWAY_P_RETRY', feature: 'retry', why })
  }
  if (attributes === undefined) return cautions
  const { MessageRetentionPeriod, RedrivePolicy } = attributes
  if (MessageRetentionPeriod !== undefined) {
    const hours = Number(MessageRetentionPeriod) / 3600
    const time = hours >= 48 ? `${Math.floor(hours / 24)} days` : `${hours} hours`
    const why = `what nobody takes from ${name} in ${time} is gone: its MessageRetentionPeriod.`
    cautions.push({ code: 'SPILLWAY_P_RETENTION', feature: 'send', why })
  }
  const receives = receivesOf(RedrivePolicy)
  if (receives !== undefined && receives <= retry.attempts) {
    const why =
      `${name} has a RedrivePolicy that moves a message after ${receives} receives, without its ` +
      `error; the contract says attempts: ${retry.attempts}.`
    cautions.push({ code: 'SPILLWAY_P_REDRIVE', feature: 'attempts', why })
  }
  return cautions
}

function longestWait(backoff: Endpoint['retry']['backoff']): number {
  return backoff.kind === 'fixed' ? backoff.ms : backoff.maxMs
}

function receivesOf(policy: string | undefined): number | undefined {
  if (policy === undefined || policy === '') return undefined
  const { maxReceiveCount } = JSON.parse(policy) as { maxReceiveCount?: unknown }
  return Number(maxReceiveCount)
}
