/**
 * How an endpoint is laid out in Redis: made once, kept in the hash `{NAME}:meta`, and then obeyed
 * by everybody, whatever their own contracts say; what they say differently is a conflict.
 */

import type { Endpoint } from '../../driver.ts'
import { ClientError, PlanError } from '../../errors.ts'
import { type Command, type Link, replyCode } from './link.ts'
import { keyOf, queueGroup, queueSource } from './names.ts'

export interface Layout {
  readonly kind: 'queue' | 'topic'
  readonly name: string
  readonly keyed: boolean
  /** Streams, one for each level of priority. */
  readonly levels: number
  /** Streams that share the keys of a queue; 0: it has none. */
  readonly partitions: number
  /** Part of the names of deduplication ids: those of a dropped queue are not the next one's. */
  readonly generation: string
}

const partitionsDefault = 8
const partitionsMax = 256

export function wantedLayout(endpoint: Endpoint, generation: string): Layout {
  const { kind, name, keyed, levels } = endpoint
  const partitions = kind === 'queue' && keyed ? (partitionsOption(endpoint) ?? 0) : 0
  return {
    kind,
    name,
    keyed,
    levels: keyed ? 1 : levels,
    partitions: kind === 'queue' && keyed && partitions === 0 ? partitionsDefault : partitions,
    generation,
  }
}

/** `options.redis.partitions`; undefined: not said. */
function partitionsOption({ name, options }: Endpoint): number | undefined {
  const value = options.redis?.['partitions']
  if (value === undefined) return undefined
  if (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= partitionsMax) {
    return Number(value)
  }
  const why = `contract ${name}: options.redis.partitions is a whole number from 1 to ${partitionsMax}.`
  throw new ClientError({ code: 'SPILLWAY_E_CONTRACT', backend: 'redis', why })
}

/** Makes what is missing, and answers how it is. */
export async function prepareLayout(link: Link, endpoint: Endpoint, id: string): Promise<Layout> {
  const wanted = wantedLayout(endpoint, id)
  const meta = keyOf(endpoint.name, 'meta')
  const { kind, keyed, levels, partitions } = wanted
  const facts = { kind, keyed: keyed ? '1' : '0', levels, partitions, generation: id }
  const commands = Object.entries(facts).map(
    ([field, value]): Command => ['HSETNX', meta, field, String(value)],
  )
  const replies = await link.together([...commands, ['HGETALL', meta]])
  const stored = parseLayout(endpoint.name, replies!.at(-1) as string[])
  const layout = await reconcile(link, endpoint, stored)
  await makeGroups(link, layout)
  return layout
}

async function reconcile(link: Link, endpoint: Endpoint, stored: Layout): Promise<Layout> {
  const { name, kind, keyed } = endpoint
  if (stored.kind !== kind) {
    throw conflict(name, stored.kind === 'topic' ? 'is a topic, not a queue' : 'is a queue')
  }
  if (stored.keyed !== keyed) {
    const now = keyed ? 'with' : 'without'
    throw conflict(name, `was made the other way; it cannot become a ${kind} ${now} keys`)
  }
  const partitions = partitionsOption(endpoint)
  if (kind === 'queue' && keyed && partitions !== undefined && partitions !== stored.partitions) {
    throw conflict(name, `has ${stored.partitions} partitions, not ${partitions}`)
  }
  if (keyed || endpoint.levels <= stored.levels) return stored
  await link.command(['HSET', keyOf(name, 'meta'), 'levels', String(endpoint.levels)])
  return { ...stored, levels: endpoint.levels }
}

export async function restoreLayout(link: Link, layout: Layout): Promise<void> {
  const { kind, keyed, levels, partitions, generation } = layout
  const facts = { kind, keyed: keyed ? '1' : '0', levels, partitions, generation }
  const fields = Object.entries(facts).flatMap(([field, value]) => [field, String(value)])
  // What is without a generation never had this hash: the replies of a client.
  if (generation !== '') await link.command(['HSET', keyOf(layout.name, 'meta'), ...fields])
  await makeGroups(link, layout)
}

/** A queue's group begins with what is there: somebody else may have filled the stream. */
export async function makeGroups(link: Link, layout: Layout): Promise<void> {
  if (layout.kind === 'topic') {
    await checkStream(link, layout.name)
    return
  }
  const { streams } = queueSource(layout)
  await Promise.all(streams.map(({ key }) => makeGroup(link, key, queueGroup, '0')))
}

export async function makeGroup(
  link: Link,
  key: string,
  group: string,
  from: string,
): Promise<void> {
  try {
    await link.command(['XGROUP', 'CREATE', key, group, from, 'MKSTREAM'])
  } catch (error) {
    if (replyCode(error) !== 'BUSYGROUP') throw error
  }
}

async function checkStream(link: Link, key: string): Promise<void> {
  const type = await link.command(['TYPE', key])
  if (type !== 'none' && type !== 'stream') throw conflict(key, `is a ${type} in Redis`)
}

/** How it is; undefined: there is nothing of that name. */
export async function findLayout(link: Link, name: string): Promise<Layout | undefined> {
  const [facts, type] = await Promise.all([
    link.command(['HGETALL', keyOf(name, 'meta')]) as Promise<string[]>,
    link.command(['TYPE', name]),
  ])
  if (facts.length > 0) return parseLayout(name, facts)
  // A stream of somebody else: a queue without keys.
  return type === 'stream' ? plainLayout(name) : undefined
}

/** A queue with nothing special, as another client's replies are. */
export function plainLayout(name: string): Layout {
  return { kind: 'queue', name, keyed: false, levels: 1, partitions: 0, generation: '' }
}

function parseLayout(name: string, facts: readonly string[]): Layout {
  const all = new Map<string, string>()
  for (let at = 0; at + 1 < facts.length; at += 2) all.set(facts[at]!, facts[at + 1]!)
  return {
    kind: all.get('kind') === 'topic' ? 'topic' : 'queue',
    name,
    keyed: all.get('keyed') === '1',
    levels: Number(all.get('levels') ?? 1),
    partitions: Number(all.get('partitions') ?? 0),
    generation: all.get('generation') ?? '',
  }
}

function conflict(name: string, why: string): PlanError {
  return new PlanError({
    code: 'SPILLWAY_P_CONFLICT',
    backend: 'redis',
    why: `${name} ${why}.`,
    alternatives: ['another name', 'move the messages to a new queue'],
  })
}
