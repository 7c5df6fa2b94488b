/** What Redis does by itself, what this driver adds and at what cost, and what cannot be had. */

import type { Endpoint } from '../../driver.ts'
import {
  type Caution,
  emulated,
  type Feature,
  impossible,
  native,
  type Support,
} from '../../features.ts'
import { pollMs } from './mover.ts'
import type { Store } from './store.ts'

export function supportOf(feature: Feature, endpoint: Endpoint): Support {
  const { name, keyed } = endpoint
  switch (feature) {
    case 'send':
      return { how: 'native', note: 'as safe as appendfsync and the replicas make it' }
    case 'nack':
      return keyed ? native : emulated('written again, to a stream that is read first: one step')
    case 'retry':
      return emulated(
        keyed
          ? 'it stays pending; when it is due is a field of a hash, which its consumer looks after'
          : `kept in a sorted set until it is due; a consumer moves it, up to ${pollMs} ms late`,
      )
    case 'dead-letter':
      return emulated('written by the client, in one step with the acknowledgement')
    case 'delay':
    case 'long-delay':
      return emulated(`kept in a sorted set; a consumer moves it when due, up to ${pollMs} ms late`)
    case 'ttl': {
      const why = `redis cannot let one message of ${name} expire: a stream is only trimmed.`
      return impossible('SPILLWAY_U_TTL', why, 'a time in the body, looked at by the handler')
    }
    case 'dedupe':
      return emulated('a key for each id, for as long as the window: two round trips for each send')
    case 'key':
      return keyedSupport(endpoint)
    case 'priority': {
      if (!keyed) return emulated('a stream for each level, each asked in turn')
      const why = `${name} has keys: in order for each key leaves no place for priorities.`
      return impossible('SPILLWAY_U_PRIORITY', why, 'a queue without key', 'a queue per priority')
    }
    case 'request':
      return emulated('a stream for the replies of each client')
    case 'transaction':
    case 'consume-publish':
    case 'effectively-once':
      return { how: 'native', note: 'MULTI: all in one step; in a cluster only within one name' }
    default:
      return native
  }
}

function keyedSupport({ kind }: Endpoint): Support {
  return emulated(
    kind === 'topic'
      ? 'one consumer of a group reads at a time, and hands out by key; the others stand by'
      : 'streams by the hash of the key, each read by one consumer at a time',
  )
}

/** What an administrator has set, and what that means. */
export async function cautionsOf(
  store: Store,
  endpoint: Endpoint,
  use: { readonly concurrency: number; readonly timeoutMs: number },
): Promise<readonly Caution[]> {
  const cautions = [...(await durability(store)), ...(await replication(store))]
  if (endpoint.keyed && endpoint.kind === 'topic' && use.concurrency > 1) {
    const why = 'a group in order by key is read by one process at a time: others only stand by.'
    cautions.push({ code: 'SPILLWAY_P_KEYS', feature: 'key', why })
  }
  return cautions
}

async function durability({ link }: Store): Promise<Caution[]> {
  const feature = 'at-least-once' as const
  const code = 'SPILLWAY_P_WEAK'
  let settings: Map<string, string>
  try {
    settings = await settingsOf(link)
  } catch {
    const why = 'CONFIG GET is refused: whether confirmed messages survive a crash is not known.'
    return [{ code, feature, why }]
  }
  const cautions: Caution[] = []
  if (settings.get('appendonly') === 'no') {
    const why =
      'redis appendonly=no: a crash loses what came since the last snapshot, if there is one; at-least-once is not met.'
    cautions.push({ code, feature, why })
  } else if (settings.get('appendfsync') === 'everysec') {
    const why =
      'redis appendfsync=everysec: up to 1 s of confirmed messages can be lost in a crash; at-least-once is not met.'
    cautions.push({ code, feature, why })
  } else if (settings.get('appendfsync') === 'no') {
    const why =
      'redis appendfsync=no: what the system has not written yet is lost in a crash; at-least-once is not met.'
    cautions.push({ code, feature, why })
  }
  const policy = settings.get('maxmemory-policy')
  if (settings.get('maxmemory') !== '0' && policy?.startsWith('allkeys') === true) {
    const why = `redis maxmemory-policy=${policy}: whole queues are deleted when memory is short.`
    cautions.push({ code: 'SPILLWAY_P_EVICTION', feature, why })
  }
  return cautions
}

async function settingsOf(link: Store['link']): Promise<Map<string, string>> {
  const settings = new Map<string, string>()
  // One by one: older servers take one name only.
  for (const name of ['appendonly', 'appendfsync', 'maxmemory', 'maxmemory-policy']) {
    const [key, value] = (await link.command(['CONFIG', 'GET', name])) as string[]
    if (key !== undefined && value !== undefined) settings.set(key, value)
  }
  return settings
}

async function replication({ link }: Store): Promise<Caution[]> {
  const info = String(await link.command(['INFO', 'replication']).catch(() => ''))
  const replicas = Number(/connected_slaves:(\d+)/.exec(info)?.[1] ?? 0)
  if (replicas === 0) return []
  const why = `redis has ${replicas} replicas, which are told later: a failover can lose confirmed messages.`
  return [{ code: 'SPILLWAY_P_WEAK', feature: 'at-least-once', why }]
}
