/**
 * Being a member of a consumer group (the classic protocol): joining, signs of life, joining again
 * when the group changes, leaving. It says which partitions are ours; what is done with them is the
 * reader's.
 */

import {
  heartbeatV4,
  joinGroupV6,
  joinGroupV7,
  joinGroupV8,
  joinGroupV9,
  leaveGroupV4,
  leaveGroupV5,
  syncGroupV4,
  syncGroupV5,
} from '@platformatic/kafka'
import {
  assign,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type Partitions,
  protocolName,
} from './assignment.ts'
import type { Cluster, Lane, Timer } from './cluster.ts'
import { apiIdOf, failure, isPassing, responseOf } from './failures.ts'

const joinVersions = [joinGroupV9.api, joinGroupV8.api, joinGroupV7.api, joinGroupV6.api]
const syncVersions = [syncGroupV5.api, syncGroupV4.api]
const heartbeatVersions = [heartbeatV4.api]
const leaveVersions = [leaveGroupV5.api, leaveGroupV4.api]

export interface MembershipEvents {
  /** These are ours now: those of before that are not among them are lost. */
  assigned(partitions: Partitions): Promise<void>
  /** The group does without us: nothing is ours. */
  lost(): void
  /** The group's connection broke, or works again. */
  connection(error: Error | undefined): void
  /** It cannot go on. */
  failed(error: Error): void
}

export class Membership {
  readonly group: string
  memberId = ''
  generation = -1
  readonly #cluster: Cluster
  readonly #lane: Lane
  readonly #events: MembershipEvents
  #topics: readonly string[]
  #owned: Partitions = new Map()
  #timer: Timer | undefined
  #joining: Promise<void> | undefined
  #isClosed = false
  #lastSign = 0
  #isConnected = true

  constructor(
    cluster: Cluster,
    about: { readonly group: string; readonly topics: readonly string[] },
    events: MembershipEvents,
  ) {
    this.#cluster = cluster
    this.#lane = cluster.lane()
    this.group = about.group
    this.#topics = about.topics
    this.#events = events
  }

  /** Resolves with the first assignment. */
  start(): Promise<void> {
    return this.rejoin()
  }

  subscribe(topics: readonly string[]): Promise<void> {
    this.#topics = topics
    return this.rejoin()
  }

  /** Joins again, unless that is on its way. Resolves when the partitions are known. */
  rejoin(): Promise<void> {
    this.#joining ??= this.#joinLong().finally(() => {
      this.#joining = undefined
    })
    return this.#joining
  }

  /** Resolves when no join is on its way. */
  async settled(): Promise<void> {
    await this.#joining?.catch(() => {})
  }

  /** What a request said of us: join again, as a stranger if need be. */
  async refused(error: unknown): Promise<void> {
    const id = apiIdOf(error)
    if (id === 'UNKNOWN_MEMBER_ID' || id === 'FENCED_INSTANCE_ID') this.#strange()
    else if (id === 'ILLEGAL_GENERATION' && this.#joining === undefined) this.#strange()
    await this.rejoin()
  }

  #strange(): void {
    this.memberId = ''
    this.generation = -1
    this.#owned = new Map()
    this.#events.lost()
  }

  async #joinLong(): Promise<void> {
    this.#timer?.cancel()
    for (let wait = 20; !this.#isClosed; wait = Math.min(wait * 2, 1000)) {
      try {
        await this.#joinOnce()
        this.#seen()
        this.#beatLater()
        return
      } catch (error) {
        if (this.#isClosed) return
        const id = apiIdOf(error)
        if (id === 'UNKNOWN_MEMBER_ID') this.#strange()
        else if (isPassing(error)) {
          this.#unseen(error)
          await this.#cluster.pass(wait)
        } else if (id !== 'REBALANCE_IN_PROGRESS' && id !== 'ILLEGAL_GENERATION') {
          const reason = failure(error, `group ${this.group}`)
          this.#events.failed(reason)
          throw reason
        }
      }
    }
  }

  async #joinOnce(): Promise<void> {
    const response = await this.#join()
    this.memberId = response.memberId ?? ''
    this.generation = response.generationId
    const isLeader = response.leader === this.memberId
    const assignments = isLeader ? await this.#decide(response.members) : []
    const synced = await this.#cluster.call(
      this.#lane,
      { group: this.group },
      syncVersions,
      this.group,
      this.generation,
      this.memberId,
      null,
      'consumer',
      protocolName,
      assignments,
    )
    const partitions = decodeAssignment(synced.assignment)
    this.#owned = partitions
    if (!this.#isClosed) await this.#events.assigned(partitions)
  }

  async #join(): Promise<joinGroupV9.JoinGroupResponse> {
    const { sessionMs } = this.#cluster.target
    const metadata = encodeSubscription(this.#topics, this.#owned)
    const ask = () =>
      this.#cluster.call(
        this.#lane,
        { group: this.group },
        joinVersions,
        this.group,
        sessionMs,
        sessionMs,
        this.memberId,
        null,
        'consumer',
        [{ name: protocolName, metadata }],
        null,
      )
    try {
      return await ask()
    } catch (error) {
      // A stranger is given a name first (KIP-394).
      const given = responseOf<joinGroupV9.JoinGroupResponse>(error)?.memberId
      if (apiIdOf(error) !== 'MEMBER_ID_REQUIRED' || typeof given !== 'string') throw error
      this.memberId = given
      return ask()
    }
  }

  async #decide(
    members: readonly joinGroupV9.JoinGroupResponseMember[],
  ): Promise<{ memberId: string; assignment: Buffer }[]> {
    const known = members.map(({ memberId, metadata }) => decodeSubscription(memberId, metadata))
    const counts = new Map<string, number>()
    for (const topic of new Set(known.flatMap(({ topics }) => topics))) {
      const info = await this.#cluster.find(topic)
      if (info !== undefined) counts.set(topic, info.leaders.length)
    }
    return [...assign(known, counts)].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeAssignment(partitions),
    }))
  }

  #beatLater(): void {
    if (this.#isClosed) return
    this.#timer?.cancel()
    const { clock } = this.#cluster.context
    this.#timer = clock.schedule(this.#cluster.target.heartbeatMs, () => void this.#beat())
  }

  async #beat(): Promise<void> {
    if (this.#isClosed || this.#joining !== undefined) return
    try {
      await this.#cluster.call(
        this.#lane,
        { group: this.group },
        heartbeatVersions,
        this.group,
        this.generation,
        this.memberId,
        null,
      )
      this.#seen()
    } catch (error) {
      if (this.#isClosed || this.#joining !== undefined) return
      if (!isPassing(error)) {
        // Its end is told by `failed`.
        await this.refused(error).catch(() => {})
        return
      }
      this.#unseen(error)
    }
    this.#beatLater()
  }

  #seen(): void {
    this.#lastSign = this.#cluster.context.clock.monotonic()
    if (!this.#isConnected) this.#events.connection(undefined)
    this.#isConnected = true
  }

  /** After a session without an answer the group has given our partitions to others. */
  #unseen(error: unknown): void {
    if (this.#isConnected) this.#events.connection(failure(error, `group ${this.group}`))
    this.#isConnected = false
    const silentMs = this.#cluster.context.clock.monotonic() - this.#lastSign
    if (this.memberId !== '' && silentMs > this.#cluster.target.sessionMs) this.#strange()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#timer?.cancel()
    if (this.memberId !== '') {
      const { group, memberId } = this
      const leaving = this.#cluster.call(this.#cluster.main, { group }, leaveVersions, group, [
        { memberId, reason: null },
      ])
      // A group that we cannot tell finds out by itself, after a session.
      await leaving.catch(() => {})
    }
    await this.#cluster.closeLane(this.#lane)
  }
}
