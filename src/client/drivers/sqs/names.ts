/**
 * How the client's queues, keys and ids are named on SQS, which allows letters, digits, hyphens and
 * underscores in a queue's name, 80 at most, and the suffix `.fifo`.
 *
 * ```
 * contract    queue                     is
 * orders      orders                    standard
 * orders      orders.fifo               FIFO: the contract has a key, or a window of five minutes
 * orders.dlq  orders-dlq                standard; the tag spillway-name says `orders.dlq`
 * orders.fifo orders.fifo               FIFO: a queue that is there already, by its own name
 * ```
 */

import { createHash } from 'node:crypto'
import type { Endpoint } from '../../driver.ts'

const nameMax = 80
const fifoSuffix = '.fifo'

/** The window of every FIFO queue; there is no other. */
export const fifoWindowMs = 5 * 60_000

/** Ordered by group, with a window for duplicates. */
export function isFifo({ kind, role, name, keyed, dedupeMs }: Endpoint): boolean {
  if (kind !== 'queue') return false
  if (name.endsWith(fifoSuffix)) return true
  return role === 'main' && (keyed || dedupeMs === fifoWindowMs)
}

/** The queue's name on SQS. One that would be too long is cut and ends with its digest. */
export function queueName(endpoint: Endpoint): string {
  // A contract's dead letters have its options, too, and are another queue.
  const own = endpoint.role === 'main' ? endpoint.options.sqs?.['name'] : undefined
  if (typeof own === 'string') return own
  const suffix = isFifo(endpoint) ? fifoSuffix : ''
  const { name } = endpoint
  const stem = suffix !== '' && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name
  const plain = stem.replaceAll('.', '-')
  const max = nameMax - suffix.length
  if (plain.length <= max) return plain + suffix
  const digest = digestOf(stem).slice(0, 16)
  return `${plain.slice(0, max - 17)}-${digest}${suffix}`
}

/** What a message group or a deduplication id may be. */
const plainId = /^[A-Za-z0-9!-/:-@[-`{-~]{1,128}$/

/** Any text as a MessageGroupId or a MessageDeduplicationId: as it is, or its digest. */
export function shortId(text: string): string {
  return plainId.test(text) ? text : `sha256:${digestOf(text)}`
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
