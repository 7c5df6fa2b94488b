/**
 * Carrying a queue from one backend to another. A batch is taken, sent, confirmed, and only then
 * done with where it came from: whatever is killed on the way, nothing is lost, and the next run
 * goes on. What a killed run had sent without saying so is sent again; a target with a window for
 * duplicates knows it by its id, elsewhere it is counted as a possible duplicate.
 */

import { Bus } from './bus.ts'
import type { Queue } from './contracts.ts'
import type { Delivery, Endpoint, Outgoing } from './driver.ts'
import { queueEndpoint } from './endpoints.ts'
import { keyOf } from './message.ts'
import { plainOutgoing, receiptsOf } from './sending.ts'
import type { Session } from './session.ts'
import { headerNames } from './wire.ts'

export interface MoveOptions {
  /** Default: until nothing is left. */
  readonly limit?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: MoveResult) => void) | undefined
}

export interface MoveResult {
  /** Taken off the source, and confirmed by the target. */
  readonly moved: number
  /** Of those, how many the target had already: sent by a run that was killed. */
  readonly alreadyThere: number
  /** Of the rest, how many may be there twice: they had been taken before, by somebody. */
  readonly possiblyTwice: number
}

const batchCount = 500
const leaseMs = 60_000
/** The window of a queue that is made for the purpose. */
const windowMs = 24 * 3_600_000

/**
 * Moves what waits in `source` to `target`, with ids, keys and headers. Queues that exist are used
 * as they are.
 */
export async function move(
  from: { readonly bus: Bus; readonly queue: Queue<unknown> },
  to: { readonly bus: Bus; readonly queue: Queue<unknown> },
  options: MoveOptions = {},
): Promise<MoveResult> {
  const source = queueEndpoint(from.queue)
  const target = { ...queueEndpoint(to.queue), dedupeMs: windowMs }
  const sender = Bus.sessionOf(to.bus)
  await sender.adopt(target)
  const { driver } = Bus.sessionOf(from.bus)
  const { limit = Number.POSITIVE_INFINITY, signal, onProgress } = options
  let result: MoveResult = { moved: 0, alreadyThere: 0, possiblyTwice: 0 }
  while (result.moved < limit && signal?.aborted !== true) {
    const countMax = Math.min(batchCount, limit - result.moved)
    const taken = await driver.take(source, { countMax, leaseMs })
    if (taken.length === 0) break
    result = add(result, await moveBatch(sender, target, taken))
    onProgress?.(result)
  }
  return result
}

async function moveBatch(
  sender: Session,
  target: Endpoint,
  taken: readonly Delivery[],
): Promise<MoveResult> {
  const messages = taken.map(delivery => outgoingOf(delivery, target))
  let receipts: ReturnType<typeof receiptsOf>
  try {
    receipts = receiptsOf(messages, await sender.send(messages))
  } catch (error) {
    await Promise.all([...taken].reverse().map(delivery => delivery.settle({ kind: 'release' })))
    throw error
  }
  await Promise.all(taken.map(delivery => delivery.settle({ kind: 'done' })))
  const alreadyThere = receipts.filter(({ duplicate }) => duplicate).length
  const again = taken.filter((delivery, index) => {
    return delivery.attempt > 1 && receipts[index]?.duplicate === false
  })
  const canKnow = sender.driver.support('dedupe', target).how !== 'impossible'
  return { moved: taken.length, alreadyThere, possiblyTwice: canKnow ? 0 : again.length }
}

function outgoingOf(delivery: Delivery, to: Endpoint): Outgoing {
  const id = delivery.headers[headerNames.id] ?? delivery.id
  const { headers, body } = delivery
  const named = { ...headers, [headerNames.id]: id }
  return { ...plainOutgoing, to, id, key: keyOf(delivery), body, headers: named, dedupeId: id }
}

function add(left: MoveResult, right: MoveResult): MoveResult {
  return {
    moved: left.moved + right.moved,
    alreadyThere: left.alreadyThere + right.alreadyThere,
    possiblyTwice: left.possiblyTwice + right.possiblyTwice,
  }
}
