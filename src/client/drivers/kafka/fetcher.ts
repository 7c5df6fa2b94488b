/**
 * Fetching: one request at a time to each node, for the partitions that want more, waiting there
 * until something comes. Only what is committed is seen.
 */

import type { fetchV17 } from '@platformatic/kafka'
import type { Cluster, Lane } from './cluster.ts'
import { type FetchAnswer, fetchVersions } from './codec.ts'
import { isPassing } from './failures.ts'
import { isolation, offsetsAt } from './offsets.ts'
import { recordsOf } from './records.ts'
import type { Track } from './track.ts'

/** How long a request waits for the first message: so long a partition that is new waits, too. */
const waitMs = 250
const bytesMax = 4 * 1024 * 1024
const partitionBytesMax = 1024 * 1024

const outOfRange = 1
const unknown = new Set([3, 100, 103])

export class Fetcher {
  readonly #cluster: Cluster
  readonly #lane: Lane
  readonly #tracks = new Set<Track>()
  readonly #busy = new Map<number, Promise<void>>()
  readonly #events: { arrived(): void; gone(topic: string): void }
  #isClosed = false
  #waitMs = 20

  constructor(cluster: Cluster, events: { arrived(): void; gone(topic: string): void }) {
    this.#cluster = cluster
    this.#lane = cluster.lane()
    this.#events = events
  }

  add(track: Track): void {
    this.#tracks.add(track)
  }

  remove(track: Track): void {
    this.#tracks.delete(track)
  }

  /** Asks for more, of those nodes that are not asked already. */
  pump(): void {
    if (this.#isClosed) return
    const nodes = new Map<number, Track[]>()
    for (const track of this.#tracks) {
      if (!track.wantsMore) continue
      const node = this.#cluster.known(track.topic)?.leaders[track.partition] ?? -1
      nodes.set(node, [...(nodes.get(node) ?? []), track])
    }
    for (const [node, tracks] of nodes) {
      if (this.#busy.has(node)) continue
      const fetching = this.#fetch(node, tracks).finally(() => {
        this.#busy.delete(node)
        this.pump()
      })
      this.#busy.set(node, fetching)
    }
  }

  /** Never rejects. */
  async #fetch(node: number, tracks: readonly Track[]): Promise<void> {
    try {
      if (node < 0) {
        await this.#findLeaders(tracks)
        return
      }
      const topics = this.#requestFor(tracks)
      const answers = await fetchOnce(this.#cluster, this.#lane, node, topics, waitMs)
      this.#waitMs = 20
      await this.#take(answers, tracks)
    } catch (error) {
      if (this.#isClosed || this.#cluster.isClosed) return
      if (!isPassing(error)) this.#cluster.context.emit({ kind: 'error', error: error as Error })
      for (const { topic } of tracks) this.#cluster.forgetTopic(topic)
      await this.#cluster.pass(this.#waitMs)
      this.#waitMs = Math.min(this.#waitMs * 2, 1000)
    }
  }

  async #findLeaders(tracks: readonly Track[]): Promise<void> {
    for (const topic of new Set(tracks.map(track => track.topic))) {
      const found = await this.#cluster.find(topic)
      if (found !== undefined || this.#isClosed) continue
      for (const track of tracks) if (track.topic === topic) this.#tracks.delete(track)
      this.#events.gone(topic)
    }
  }

  #requestFor(tracks: readonly Track[]): fetchV17.FetchRequestTopic[] {
    const topics = new Map<string, fetchV17.FetchRequestPartition[]>()
    for (const { topic, partition, next } of tracks) {
      const id = this.#cluster.known(topic)!.id
      const asked = topics.get(id) ?? []
      topics.set(id, asked)
      asked.push({
        partition,
        currentLeaderEpoch: -1,
        fetchOffset: BigInt(next),
        lastFetchedEpoch: -1,
        partitionMaxBytes: partitionBytesMax,
      })
    }
    return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }))
  }

  async #take(answers: readonly FetchAnswer[], tracks: readonly Track[]): Promise<void> {
    let isNews = false
    const lostPlaces: Track[] = []
    for (const answer of answers) {
      const track = tracks.find(({ topic, partition }) => {
        return partition === answer.partition && this.#cluster.known(topic)?.id === answer.topicId
      })
      if (track === undefined || track.isLost) continue
      if (answer.errorCode === outOfRange) lostPlaces.push(track)
      else if (unknown.has(answer.errorCode)) await this.#findLeaders([track])
      else if (answer.errorCode !== 0) this.#cluster.forgetTopic(track.topic)
      else isNews = this.#fill(track, answer) || isNews
    }
    if (lostPlaces.length > 0) await this.#findPlaces(lostPlaces)
    if (isNews && !this.#isClosed) this.#events.arrived()
  }

  #fill(track: Track, { records, aborted }: FetchAnswer): boolean {
    const { topic, partition, next, progress } = track
    const found = recordsOf({ topic, partition, from: next }, records, aborted)
    if (found.next <= next) return false
    // What is between the records is settled: markers of transactions, and what came to nothing.
    let at = next
    for (const record of found.records) {
      if (record.offset > at) progress.settle(at, record.offset - at)
      if (!progress.isSettled(record.offset)) track.add(record)
      at = record.offset + 1
    }
    if (found.next > at) progress.settle(at, found.next - at)
    track.next = found.next
    return found.records.length > 0
  }

  /** The log does not go back so far any more, or it is another one. */
  async #findPlaces(tracks: readonly Track[]): Promise<void> {
    const firsts = await offsetsAt(this.#cluster, tracks, 'earliest')
    const ends = await offsetsAt(this.#cluster, tracks, 'latest')
    for (const track of tracks) {
      const place = `${track.topic}:${track.partition}`
      const first = firsts.get(place) ?? 0
      if (track.next < first) track.forgetBefore(first)
      else track.next = Math.min(track.next, ends.get(place) ?? track.next)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#cluster.closeLane(this.#lane)
    await Promise.all(this.#busy.values())
  }
}

/** One request. Errors of single partitions are in the answers. */
export function fetchOnce(
  cluster: Cluster,
  lane: Lane,
  node: number,
  topics: fetchV17.FetchRequestTopic[],
  maxWaitMs: number,
): Promise<FetchAnswer[]> {
  const level = isolation.committed
  type Asked = Parameters<typeof fetchV17.createRequest>
  const asked: Asked = [maxWaitMs, 1, bytesMax, level, 0, -1, topics, [], '']
  return cluster.call(lane, { node }, fetchVersions, ...asked)
}
