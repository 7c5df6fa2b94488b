/**
 * How the client's queues and topics are kept in the engine.
 *
 * ```
 * queue NAME            a queue of that name
 *       NAME~later      delayed messages of a queue with keys, moved over when they are due: a
 *                       message's place in its key is where it arrives, not where it was sent
 * topic NAME            a log of that name, which keeps the history, and a route of that name
 *       NAME~GROUP      the queue of a group, filled by the route
 * ```
 *
 * A contract's name has no `~`, so these never meet.
 */

import { createHash } from 'node:crypto'
import { encodeUtf8 } from '../../../base/bytes.ts'

export const laterSuffix = '~later'

export function laterName(queue: string): string {
  return queue + laterSuffix
}

export function groupName(topic: string, group: string): string {
  return `${topic}~${group}`
}

const idBytesMax = 255

/** The engine's ids are short; a longer one is known by its digest. */
export function shortId(id: string): string {
  if (id.length * 3 <= idBytesMax || encodeUtf8(id).length <= idBytesMax) return id
  return `sha256:${createHash('sha256').update(id).digest('hex')}`
}
