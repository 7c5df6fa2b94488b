/**
 * How the client's queues and topics are kept on the broker.
 *
 * ```
 * queue NAME                 a quorum queue of that name; classic where it has priorities
 *       NAME~k0, ~k1, …      with keys, in place of NAME: each key in one of them, by its hash, and
 *                            one active consumer for each
 *       NAME~wait.5000       messages that come back to NAME in 5000 ms
 *       NAME~register        one message: what the broker does not keep (register.ts)
 * topic NAME                 an exchange of that name
 *       NAME~log             a stream: the history
 *       NAME~g.GROUP         the queue of a group, with all that a queue has
 * ```
 *
 * A contract's name has no `~`, so these never meet.
 */

import { createHash } from 'node:crypto'
import { encodeUtf8 } from '../../../base/bytes.ts'
import type { Endpoint } from '../../driver.ts'

/** What one queue, or one group of a topic, has on the broker. */
export interface Place {
  /** The name that all others begin with. */
  readonly base: string
  /** Where its messages are: one queue, or one for each part of the keys. */
  readonly queues: readonly string[]
  readonly isKeyed: boolean
  /** Quorum queues count how often a message was handed out in vain; classic ones do not. */
  readonly isQuorum: boolean
}

/** How many processes can share the work on a queue with keys, unless `partitions` says it. */
const partitionsDefault = 4
export const partitionsMax = 64

export function partitionsOf({ options }: Endpoint): number {
  const { partitions = partitionsDefault } = options.rabbitmq ?? {}
  return partitions as number
}

export function placeOf(endpoint: Endpoint, group?: string): Place {
  const base = group === undefined ? endpoint.name : groupName(endpoint.name, group)
  const isQuorum = endpoint.role !== 'replies' && endpoint.levels === 1
  if (!endpoint.keyed) return { base, queues: [base], isKeyed: false, isQuorum }
  const queues = Array.from({ length: partitionsOf(endpoint) }, (_, part) => `${base}~k${part}`)
  return { base, queues, isKeyed: true, isQuorum: true }
}

/** Which part a key belongs to. Without a key the id decides, so that the parts fill evenly. */
export function partOf(key: string | undefined, id: string, parts: number): number {
  const text = key === undefined || key === '' ? id : key
  let hash = 0x811c_9dc5 | 0
  // FNV-1a, which is what other languages can do, too.
  for (const byte of encodeUtf8(text)) hash = Math.imul(hash ^ byte, 0x0100_0193)
  return (hash >>> 0) % parts
}

export function waitName(queue: string, ms: number): string {
  return `${queue}~wait.${ms}`
}

export function registerName(base: string): string {
  return `${base}~register`
}

export function logName(topic: string): string {
  return `${topic}~log`
}

/** Queue names are at most 255 bytes, and a group's name may be anything. */
export function groupName(topic: string, group: string): string {
  if (/^[\x21-\x7d]{1,100}$/.test(group)) return `${topic}~g.${group}`
  return `${topic}~g.sha256-${createHash('sha256').update(group).digest('hex')}`
}
