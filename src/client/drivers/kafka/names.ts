/**
 * How the client's queues and topics are kept in Kafka.
 *
 * ```
 * queue NAME       topic NAME, read by the one group NAME
 *                  topics NAME.delay.1m, .1h, .1d and .long for what is delayed, each made when it
 *                  is first needed, read by the group NAME.delay, which moves what is due to NAME
 * topic NAME       topic NAME; its group G is Kafka's group NAME.G
 *                  topic NAME.G.redriven for what a redrive sends to this group alone
 * dead letters     a queue, with one partition
 * replies          topic of one partition, deleted by the client that made it
 * ```
 */

import type { Endpoint } from '../../driver.ts'

/** Delays are kept by length, so that a short one does not wait behind a window of long ones. */
const tiers: readonly (readonly [suffix: string, upToMs: number])[] = [
  ['1m', 60_000],
  ['1h', 3_600_000],
  ['1d', 86_400_000],
  ['long', Number.POSITIVE_INFINITY],
]

export function delayTopics(queue: string): string[] {
  return tiers.map(([suffix]) => `${queue}.delay.${suffix}`)
}

export function delayTopicFor(queue: string, delayMs: number): string {
  const [suffix] = tiers.find(([, upToMs]) => delayMs <= upToMs)!
  return `${queue}.delay.${suffix}`
}

export function delayGroup(queue: string): string {
  return `${queue}.delay`
}

export function groupOf({ kind, name }: Pick<Endpoint, 'kind' | 'name'>, group?: string): string {
  return kind === 'queue' || group === undefined ? name : `${name}.${group}`
}

export function redrivenTopic(topic: string, group: string): string {
  return `${topic}.${group}.redriven`
}

/** When a delayed message is due: wall-clock milliseconds. */
export const dueHeader = 'spillway-due'

/** A place as text, and back. */
export interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export function printPosition({ partition, offset }: Omit<Place, 'topic'>): string {
  return `${partition}-${offset}`
}

export function parsePosition(text: string): Omit<Place, 'topic'> | undefined {
  const match = /^(\d{1,9})-(\d{1,16})$/.exec(text)
  if (match === null) return undefined
  return { partition: Number(match[1]), offset: Number(match[2]) }
}
