/** What Kafka does itself, what we do over it and at which cost, and what cannot be. */

import { describeConfigsV4 } from '@platformatic/kafka'
import type { Endpoint } from '../../driver.ts'
import {
  type Caution,
  emulated,
  type Feature,
  impossible,
  native,
  type Support,
} from '../../features.ts'
import type { Cluster } from './cluster.ts'

const describeVersions = [describeConfigsV4.api]
export const topicResource = 2 as const

export function supportOf(feature: Feature, { name }: Endpoint): Support {
  switch (feature) {
    case 'send':
      return { how: 'native', note: 'acks=all, idempotent' }
    case 'consume':
      return emulated(
        'a consumer group with its commits message by message: one commit for what is handed out and one for what is settled together; no more processes share the work than there are partitions',
      )
    case 'nack':
      return emulated('given back to its partition here, and handed out again from there')
    case 'retry':
      return emulated(
        'the message waits in its partition, with its time and its attempt in the metadata of the offset; some hundreds in each partition, then the partition waits',
      )
    case 'attempts':
      return emulated(
        'counted in the metadata of the offset; what a crash interrupted is known as long as that has room (4 KB for each partition)',
      )
    case 'lease':
      return { how: 'native', note: 'lives with the membership in the group (session in the URL)' }
    case 'dead-letter':
      return emulated('a topic of its own; the letter and the settlement are one transaction')
    case 'delay':
    case 'long-delay':
      return emulated(
        'kept in topics by length of delay and moved by those who consume; later than due by up to the length of the delay where more than 1,000 wait',
      )
    case 'cancel':
      return impossible(
        'SPILLWAY_U_CANCEL',
        'kafka cannot take one message out of a log, a delayed one neither.',
        'a handler that looks whether it is still wanted',
        'another backend: embedded, redis',
      )
    case 'ttl':
      return impossible(
        'SPILLWAY_U_TTL',
        `kafka knows no time to live of a message: what is in ${name} stays as long as the retention of the topic.`,
        'a deadline in the body that the handler looks at',
        'options.kafka.retention',
        'another backend: rabbitmq, embedded',
      )
    case 'dedupe':
      return impossible(
        'SPILLWAY_U_DEDUPE',
        'kafka finds duplicates of one producer session only, not by an id.',
        'an inbox at the consumer: { inbox: pg(pool) }',
        'another backend: embedded, sqs, redis',
      )
    case 'priority':
      return impossible(
        'SPILLWAY_U_PRIORITY',
        'kafka reads a partition in its order: nothing overtakes.',
        'a queue per priority',
        'another backend: rabbitmq, embedded',
      )
    case 'remove':
      return impossible(
        'SPILLWAY_U_REMOVE',
        'kafka deletes from the beginning of a log only, not one message.',
        'purge',
        'a handler that skips it',
      )
    case 'request':
      return emulated('a topic for the answers of each client; two hops through the log')
    case 'key':
      return { how: 'native', note: 'a partition for each key, and one of a key at a time' }
    case 'effectively-once':
      return { how: 'native', note: 'the offset and what is sent are one transaction of Kafka' }
    case 'groups':
    case 'history':
    case 'transaction':
    case 'consume-publish':
    case 'peek':
    case 'purge':
    case 'depth':
    case 'at-most-once':
    case 'at-least-once':
      return native
  }
}

const dayMs = 86_400_000

/** What the topic, as it is set up, does not do as its owner may think. */
export async function cautionsOf(cluster: Cluster, endpoint: Endpoint): Promise<Caution[]> {
  const { name, kind } = endpoint
  const info = await cluster.find(name)
  if (info === undefined) return []
  const cautions: Caution[] = []
  const count = info.leaders.length
  cautions.push({
    code: 'SPILLWAY_P_PARTITIONS',
    feature: kind === 'queue' ? 'consume' : 'groups',
    why: `${name} has ${count} partition${count === 1 ? '' : 's'}: so many processes at most share its work.`,
  })
  const configs = await configsOf(cluster, name, ['retention.ms', 'min.insync.replicas'])
  const retentionMs = Number(configs.get('retention.ms') ?? -1)
  if (kind === 'queue' && retentionMs >= 0) {
    cautions.push({
      code: 'SPILLWAY_P_RETENTION',
      feature: 'at-least-once',
      why: `${name} keeps messages for ${Math.round((retentionMs / dayMs) * 10) / 10} days (retention.ms), handled or not.`,
    })
  }
  if (configs.get('min.insync.replicas') === '1') {
    cautions.push({
      code: 'SPILLWAY_P_WEAK',
      feature: 'send',
      why: `${name} confirms with one replica in sync (min.insync.replicas=1): what was confirmed is lost with that one disk.`,
    })
  }
  return cautions
}

export async function configsOf(
  cluster: Cluster,
  topic: string,
  names: readonly string[],
): Promise<Map<string, string>> {
  const configurationKeys = [...names]
  const resource = { resourceType: topicResource, resourceName: topic, configurationKeys }
  const response = await cluster.insist(
    cluster.main,
    'any',
    describeVersions,
    [resource],
    false,
    false,
  )
  const found = new Map<string, string>()
  for (const { configs } of response.results) {
    for (const { name, value } of configs) if (typeof value === 'string') found.set(name, value)
  }
  return found
}
