/**
 * What share groups have done and are doing (KIP-932): a state for each group and partition, and
 * the sessions in which members fetch. Who has said something is told so when it is on the disk;
 * that a record has been handed out is known in memory only, so after a restart it is free.
 */

import type { EngineDoor } from '../../engine/engine.ts'
import type { Clock } from '../../engine/ports.ts'
import { codes } from '../../wire/kafka/error-codes.ts'
import type { Deadlines } from './deadlines.ts'
import { durationMs, type GroupConfigs } from './group-configs.ts'
import { limits } from './limits.ts'
import { Memory } from './memory.ts'
import { type SavedShare, SharePartition } from './share-partition.ts'
import type { Topic } from './topics.ts'

/** The partitions that a member fetches, in the order in which they are looked at. */
export interface ShareSession {
  readonly group: string
  readonly member: string
  epoch: number
  readonly places: Map<string, SharePlace>
}

export interface SharePlace {
  readonly topicId: string
  readonly partition: number
}

interface Parts {
  readonly engine: EngineDoor
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly configs: GroupConfigs
  /** Where a log begins for a client. */
  readonly start: (log: string, first: number) => number
}

const epochMax = 0x7fff_ffff

export class Shares {
  readonly #parts: Parts
  readonly #memory: Memory<SavedShare>
  /** Group → `topic id : partition` → state. */
  readonly #groups = new Map<string, Map<string, SharePartition>>()
  readonly #sessions = new Map<string, ShareSession>()
  /** Parked fetches by partition: woken when something is free again. */
  readonly #waiters = new Map<SharePartition, Set<() => void>>()

  constructor(parts: Parts) {
    this.#parts = parts
    this.#memory = new Memory(parts.engine, 'shares')
    for (const [field, saved] of this.#memory.entries()) {
      const [group = '', place = ''] = field.split('\0')
      this.#of(group).set(place, this.#made(saved))
    }
  }

  #made(saved: SavedShare): SharePartition {
    return new SharePartition(saved, limits.shareDeliveriesMax)
  }

  #of(group: string): Map<string, SharePartition> {
    const places = this.#groups.get(group) ?? new Map<string, SharePartition>()
    this.#groups.set(group, places)
    return places
  }

  get groups(): string[] {
    return [...this.#groups.keys()]
  }

  has(group: string): boolean {
    return this.#groups.has(group)
  }

  /** The places at which a group has been, by topic. */
  all(group: string): Map<string, number[]> {
    const topics = new Map<string, number[]>()
    for (const key of this.#groups.get(group)?.keys() ?? []) {
      const [topicId = '', partition = ''] = key.split(':')
      topics.set(topicId, [...(topics.get(topicId) ?? []), Number(partition)])
    }
    return topics
  }

  known(group: string, { topicId, partition }: SharePlace): SharePartition | undefined {
    return this.#groups.get(group)?.get(keyOf({ topicId, partition }))
  }

  lockMs(group: string): number {
    return this.#parts.configs.number(group, 'share.record.lock.duration.ms')
  }

  /** The state of a partition; it is begun where the group's setting says. */
  open(group: string, place: SharePlace, log: string): SharePartition | undefined {
    const { engine, start } = this.#parts
    const info = engine.log(log)
    if (info === undefined) return undefined
    const first = start(log, info.first)
    const known = this.known(group, place)
    if (known !== undefined) {
      if (known.cut(first)) this.save(group, place)
      return known
    }
    const at = this.#startOf(group, log, { first, next: info.next })
    return this.begin(group, place, at)
  }

  #startOf(group: string, log: string, info: { first: number; next: number }): number {
    const { engine, clock, configs } = this.#parts
    const reset = configs.value(group, 'share.auto.offset.reset')
    if (reset === 'earliest') return info.first
    if (reset === 'latest') return info.next
    const time = clock.now() - (durationMs(reset.slice('by_duration:'.length)) ?? 0)
    const found = engine.read(log, { time }, { countMax: 1, bytesMax: 1 })
    return Math.max(info.first, (found.ok ? found.value[0]?.position : undefined) ?? info.next)
  }

  /** Begins at an offset, whatever was before. */
  begin(group: string, place: SharePlace, start: number): SharePartition {
    const share = this.#made({ start, end: start, runs: [] })
    this.#of(group).set(keyOf(place), share)
    this.save(group, place)
    return share
  }

  /** What has been said is written down, and who waits looks again. */
  save(group: string, place: SharePlace): void {
    const share = this.known(group, place)
    if (share === undefined) return
    this.#memory.put([`${group}\0${keyOf(place)}`, share.save()])
    this.#wake(share)
  }

  #wake(share: SharePartition): void {
    for (const wake of [...(this.#waiters.get(share) ?? [])]) wake()
  }

  /** Calls back whenever something may be free again. Returns how to end it. */
  watch(share: SharePartition, wake: () => void): () => void {
    const all = this.#waiters.get(share) ?? new Set()
    this.#waiters.set(share, all)
    all.add(wake)
    return () => {
      all.delete(wake)
      if (all.size === 0) this.#waiters.delete(share)
    }
  }

  /** Something has been handed out, or held for longer: its lock ends by itself. */
  arm(group: string, place: SharePlace): number {
    const { clock, deadlines } = this.#parts
    const lockMs = this.lockMs(group)
    deadlines.after(lockMs + 1, () => {
      const share = this.known(group, place)
      if (share?.expire(clock.monotonic()) === true) this.save(group, place)
    })
    return clock.monotonic() + lockMs
  }

  /** The member's session; a number: the code with which it is refused. */
  session(group: string, member: string, epoch: number): ShareSession | number {
    const key = `${group}\0${member}`
    const known = this.#sessions.get(key)
    if (epoch === 0) {
      if (known !== undefined) this.closeSession(known)
      if (this.#sessions.size >= limits.shareSessionsMax) return codes.SHARE_SESSION_LIMIT_REACHED
      const session = { group, member, epoch: 1, places: new Map() }
      this.#sessions.set(key, session)
      return session
    }
    if (known === undefined) return codes.SHARE_SESSION_NOT_FOUND
    if (epoch === -1) return known
    if (epoch !== known.epoch) return codes.INVALID_SHARE_SESSION_EPOCH
    known.epoch = epoch === epochMax ? 1 : epoch + 1
    return known
  }

  isOpen(session: ShareSession): boolean {
    return this.#sessions.get(`${session.group}\0${session.member}`) === session
  }

  /** The member will not say anything about what it holds any more. */
  closeSession(session: ShareSession): void {
    const { group, member } = session
    if (this.isOpen(session)) this.#sessions.delete(`${group}\0${member}`)
    this.release(group, member)
  }

  closeSessionOf(group: string, member: string): void {
    const session = this.#sessions.get(`${group}\0${member}`)
    if (session !== undefined) this.closeSession(session)
  }

  /** What a member holds is free again. Only memory knows what is held, so nothing is written. */
  release(group: string, member: string): void {
    for (const share of this.#groups.get(group)?.values() ?? []) {
      if (share.release(member)) this.#wake(share)
    }
  }

  remove(group: string, place: SharePlace): boolean {
    const places = this.#groups.get(group)
    if (places?.delete(keyOf(place)) !== true) return false
    if (places.size === 0) this.#groups.delete(group)
    this.#memory.put([`${group}\0${keyOf(place)}`, undefined])
    return true
  }

  removeGroup(group: string): void {
    const keys = [...(this.#groups.get(group)?.keys() ?? [])]
    this.#groups.delete(group)
    this.#memory.put(...keys.map(key => [`${group}\0${key}`, undefined] as const))
  }

  removeTopic(topic: Topic): void {
    for (const group of this.groups) {
      for (let partition = 0; partition < topic.partitions; partition++) {
        this.remove(group, { topicId: topic.id, partition })
      }
    }
  }
}

export function keyOf({ topicId, partition }: SharePlace): string {
  return `${topicId}:${partition}`
}
