/**
 * A topic's history again, for one group: each event is sent to that group alone, as a redrive
 * does, so that its handlers run again while the other groups, and the group's own place, stay
 * where they are. It needs no consumer to stop.
 */

import type { Topic } from './contracts.ts'
import type { Endpoint, Outgoing, Stored } from './driver.ts'
import { topicEndpoint } from './endpoints.ts'
import { ClientError } from './errors.ts'
import {
  type Event,
  eventOf,
  fromOf,
  type SubscribeFrom,
  type Timestamp,
  timeOf,
} from './history.ts'
import { keyOf } from './message.ts'
import { plainOutgoing, receiptsOf } from './sending.ts'
import type { Session } from './session.ts'
import { decodeBody, headerNames, newId } from './wire.ts'

export interface ReplayOptions {
  readonly group: string
  /** Default `earliest`. */
  readonly from?: SubscribeFrom | undefined
  /** `latest` (the default): what is there when it begins. */
  readonly to?:
    | 'latest'
    | { readonly timestamp: Timestamp }
    | { readonly position: string }
    | undefined
  /** Only events with this key. */
  readonly key?: string | undefined
  /** Which ones; default: all. */
  readonly where?: ((event: Event<unknown>) => boolean) | undefined
  readonly limit?: number | undefined
  readonly ratePerSecond?: number | undefined
  /**
   * Events keep their ids, so that an inbox which has handled them takes them for duplicates. True:
   * new ids, with the old one as the cause; everything is handled again.
   */
  readonly newIds?: boolean | undefined
  /** Only counts. */
  readonly dryRun?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: ReplayResult) => void) | undefined
}

export interface ReplayResult {
  readonly looked: number
  readonly matched: number
  /** Confirmed by the backend. */
  readonly replayed: number
  /** The last one that was replayed: where another replay goes on, with that one again. */
  readonly position: string | undefined
}

const batchCount = 100

export async function replay(
  session: Session,
  contract: Topic<unknown>,
  options: ReplayOptions,
): Promise<ReplayResult> {
  const { from = 'earliest', to = 'latest', key, where = () => true, signal } = options
  const { limit = Number.POSITIVE_INFINITY, dryRun = false, onProgress } = options
  const endpoint = topicEndpoint(contract)
  const detail = `contract ${contract.name} · replay(…)`
  session.require('history', endpoint, detail)
  session.require('groups', endpoint, detail)
  const pace = paceOf(session, options.ratePerSecond)
  await checkGroup(session, endpoint, options.group)
  const end = typeof to === 'string' || 'position' in to ? to : timeOf(to)
  let result: ReplayResult = { looked: 0, matched: 0, replayed: 0, position: undefined }
  let batch: Outgoing[] = []
  let last: string | undefined
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return
    receiptsOf(batch, await session.send(batch))
    result = { ...result, replayed: result.replayed + batch.length, position: last }
    await pace(batch.length)
    batch = []
    onProgress?.(result)
  }
  // With a rate, a batch is not more than a tenth of a second's worth.
  const size = Math.max(1, Math.min(batchCount, Math.floor((options.ratePerSecond ?? 1e6) / 10)))
  for await (const stored of session.driver.read(endpoint, {
    from: fromOf(from),
    to: end,
    signal,
  })) {
    if (result.matched >= limit || signal?.aborted === true) break
    result = { ...result, looked: result.looked + 1 }
    if (key !== undefined && keyOf(stored) !== key) continue
    if (!where(looked(stored))) continue
    result = { ...result, matched: result.matched + 1 }
    if (dryRun) continue
    batch.push(again(session, endpoint, stored, options))
    last = stored.position
    if (batch.length >= size) await flush()
  }
  await flush()
  return result
}

/** A mistyped name would be a group that nobody reads. */
async function checkGroup(session: Session, endpoint: Endpoint, group: string): Promise<void> {
  try {
    await session.driver.depth(endpoint, group)
  } catch (cause) {
    const reason = (cause as Error).message
    const why = `${endpoint.name} has no group ${group}, or it cannot be seen: ${reason}`
    const alternatives = [
      `bus.subscribe(${endpoint.name}, { group: '${group}', from: 'earliest' })`,
    ]
    throw new ClientError({ code: 'SPILLWAY_E_GROUP', why, alternatives, cause })
  }
}

function looked(stored: Stored): Event<unknown> {
  const decoded = decodeBody(stored.body, stored.headers)
  return eventOf(stored, 'value' in decoded ? decoded.value : stored.body)
}

function again(
  session: Session,
  to: Endpoint,
  stored: Stored,
  { group, newIds = false }: ReplayOptions,
): Outgoing {
  const { body } = stored
  const key = keyOf(stored)
  const old = stored.headers[headerNames.id] ?? stored.id
  const id = newIds ? newId(session.context.random, session.now) : old
  const headers = {
    ...stored.headers,
    [headerNames.id]: id,
    [headerNames.replay]: stored.position,
    ...(newIds ? { [headerNames.causation]: old } : {}),
    ...(key === undefined ? {} : { [headerNames.key]: key }),
  }
  return { ...plainOutgoing, to, group, id, key, body, headers }
}

/** Waits after so many, so that the mean is the rate. */
function paceOf(
  session: Session,
  ratePerSecond: number | undefined,
): (count: number) => Promise<void> {
  if (ratePerSecond === undefined) return async () => {}
  if (!(ratePerSecond > 0)) {
    const why = `ratePerSecond is a number above 0, not ${ratePerSecond}.`
    throw new ClientError({ code: 'SPILLWAY_E_OPTION', why })
  }
  return count =>
    new Promise(resolve => {
      session.context.clock.schedule((count * 1000) / ratePerSecond, resolve)
    })
}
