/**
 * The members of a share group (KIP-932): who is in it, and who is to look at which partition. Two
 * members may have the same one, so nobody waits for anybody: a member has its new assignment with
 * its next heartbeat. Volatile, as with Kafka: after a restart members join anew. What they have
 * done is kept elsewhere (`shares.ts`).
 */

import { codes } from '../../wire/kafka/error-codes.ts'
import { type AssignableTopic, partitionKey } from './assignors.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import { KafkaError } from './errors.ts'
import { limits } from './limits.ts'

export interface ShareBeat {
  readonly memberId: string
  /** 0: it joins; −1: it leaves. */
  readonly epoch: number
  readonly rackId: string | null
  /** Undefined: as before. */
  readonly names: readonly string[] | undefined
  readonly clientId: string
  readonly clientHost: string
}

export interface ShareMember {
  readonly id: string
  epoch: number
  previousEpoch: number
  rackId: string | null
  names: readonly string[]
  clientId: string
  clientHost: string
  assigned: ReadonlySet<string>
  session: Deadline | undefined
}

export interface ShareAnswer {
  readonly epoch: number
  /** Undefined: as you were told. */
  readonly assignment: ReadonlySet<string> | undefined
}

type NamedTopic = AssignableTopic & { readonly name: string }

interface Parts {
  readonly deadlines: Deadlines
  readonly topics: () => readonly NamedTopic[]
  readonly sessionMs: () => number
  /** A member is gone: what it holds is free. */
  readonly onGone: (memberId: string) => void
}

const leaving = -1

export class ShareGroup {
  readonly id: string
  epoch = 0
  readonly members = new Map<string, ShareMember>()
  readonly #parts: Parts
  /** What the topics were when the assignment was made. */
  #seen = ''

  constructor(id: string, parts: Parts) {
    this.id = id
    this.#parts = parts
  }

  get state(): 'Empty' | 'Stable' {
    return this.members.size === 0 ? 'Empty' : 'Stable'
  }

  /** Throws why the member is refused. */
  beat(beat: ShareBeat): ShareAnswer {
    if (beat.epoch === leaving) {
      this.#putOut(this.#known(beat.memberId))
      return { epoch: leaving, assignment: undefined }
    }
    const isJoining = beat.epoch === 0
    const member = isJoining ? this.#join(beat) : this.#known(beat.memberId)
    const isOf = beat.epoch === member.epoch || beat.epoch === member.previousEpoch
    if (!isJoining && !isOf) {
      throw new KafkaError(codes.FENCED_MEMBER_EPOCH, 'The member epoch is not the one we know.')
    }
    const names = beat.names === undefined ? member.names : [...beat.names].sort()
    const wantsElse = names.join() !== member.names.join()
    member.names = names
    member.rackId = beat.rackId ?? member.rackId
    member.clientId = beat.clientId
    member.clientHost = beat.clientHost
    if (wantsElse || isJoining || this.#look() !== this.#seen) this.#assignAnew()
    this.#touch(member)
    const isNew = beat.epoch !== this.epoch
    if (member.epoch !== this.epoch) {
      member.previousEpoch = member.epoch
      member.epoch = this.epoch
    }
    return { epoch: member.epoch, assignment: isNew ? member.assigned : undefined }
  }

  #known(id: string): ShareMember {
    const member = this.members.get(id)
    if (member === undefined) throw new KafkaError(codes.UNKNOWN_MEMBER_ID, 'Unknown member.')
    return member
  }

  #join({ memberId: id, clientId, clientHost }: ShareBeat): ShareMember {
    const known = this.members.get(id)
    if (known !== undefined) return known
    if (this.members.size >= limits.shareMembersMax) {
      throw new KafkaError(codes.GROUP_MAX_SIZE_REACHED)
    }
    const member: ShareMember = {
      ...{ id, clientId, clientHost, epoch: 0, previousEpoch: 0, rackId: null, names: [] },
      assigned: new Set<string>(),
      session: undefined,
    }
    this.members.set(id, member)
    return member
  }

  #wanted(): NamedTopic[] {
    const names = new Set([...this.members.values()].flatMap(member => member.names))
    return this.#parts.topics().filter(({ name }) => names.has(name))
  }

  #look(): string {
    return this.#wanted()
      .map(({ id, partitions }) => `${id}:${partitions}`)
      .join(' ')
  }

  /**
   * Every partition has a member, and every member a partition, as far as subscriptions let them:
   * both go round, and one of them more than once.
   */
  #assignAnew(): void {
    this.epoch++
    this.#seen = this.#look()
    const given = new Map([...this.members.keys()].map(id => [id, new Set<string>()]))
    let turn = 0
    for (const { id, name, partitions } of this.#wanted()) {
      const takers = [...this.members.values()].filter(({ names }) => names.includes(name))
      const rounds = Math.max(takers.length, partitions)
      for (let index = 0; index < rounds; index++) {
        const taker = takers[(turn + index) % takers.length]!
        given.get(taker.id)!.add(partitionKey(id, index % partitions))
      }
      turn += rounds
    }
    for (const member of this.members.values()) member.assigned = given.get(member.id)!
  }

  #touch(member: ShareMember): void {
    member.session?.cancel()
    const { deadlines, sessionMs } = this.#parts
    member.session = deadlines.after(sessionMs(), () => this.#putOut(member))
  }

  #putOut(member: ShareMember): void {
    if (this.members.get(member.id) !== member) return
    member.session?.cancel()
    this.members.delete(member.id)
    this.#parts.onGone(member.id)
    this.#assignAnew()
  }

  /** Somebody wants it out; false: it is not here. */
  kick(memberId: string): boolean {
    const member = this.members.get(memberId)
    if (member !== undefined) this.#putOut(member)
    return member !== undefined
  }
}
