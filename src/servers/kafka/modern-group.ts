/**
 * A group whose assignments the broker makes (KIP-848). Members say what they want and what they
 * have; the broker says, heartbeat by heartbeat, what to give up and what to take.
 *
 *     the group has an epoch; with every change of members, subscriptions or topics it rises, and a
 *     new target is made for it. A member goes to that epoch once it has given up what it is not to
 *     have any more; then it gets what the others have given up so far, and the rest as it comes.
 *
 * It is volatile: after a restart members are unknown and join anew. Places are kept elsewhere.
 */

import { codes } from '../../wire/kafka/error-codes.ts'
import { type AssignableTopic, assignors } from './assignors.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import { KafkaError } from './errors.ts'
import { limits } from './limits.ts'
import type { Topic } from './topics.ts'

export type ModernState = 'Empty' | 'Reconciling' | 'Stable'

/** What a member says. Undefined: as before. */
export interface Beat {
  readonly memberId: string
  /** 0: it joins; −1: it leaves; −2: it leaves, and comes back under the same instance id. */
  readonly epoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly rebalanceMs: number | undefined
  readonly names: readonly string[] | undefined
  readonly pattern: string | undefined
  readonly assignor: string | undefined
  /** What it has. */
  readonly owned: readonly string[] | undefined
  readonly clientId: string
  readonly clientHost: string
}

export interface ModernMember {
  readonly id: string
  instanceId: string | null
  rackId: string | null
  epoch: number
  previousEpoch: number
  rebalanceMs: number
  names: readonly string[]
  pattern: string
  assignor: string | undefined
  clientId: string
  clientHost: string
  /** What it may read now. */
  assigned: Set<string>
  /** What it was told to give up, and may still have. */
  revoking: Set<string>
  /** What it is to have in the end. */
  target: ReadonlySet<string>
  session: Deadline | undefined
  revocation: Deadline | undefined
}

export interface BeatAnswer {
  readonly memberId: string
  readonly epoch: number
  /** Undefined: as you were told. */
  readonly assignment: ReadonlySet<string> | undefined
}

const leaving = -1
const leavingForAWhile = -2

export class ModernGroup {
  readonly id: string
  /** The target is always made for the newest epoch, at once. */
  epoch = 0
  assignor = 'uniform'
  readonly members = new Map<string, ModernMember>()
  /** Partition → who has it, or has not yet given it up. */
  readonly #owners = new Map<string, string>()
  readonly #deadlines: Deadlines
  readonly #topics: () => readonly Topic[]
  /** What the topics were when the target was made. */
  #seen = ''

  constructor(
    id: string,
    parts: { readonly deadlines: Deadlines; readonly topics: () => readonly Topic[] },
  ) {
    this.id = id
    this.#deadlines = parts.deadlines
    this.#topics = parts.topics
  }

  get state(): ModernState {
    if (this.members.size === 0) return 'Empty'
    const isSettled = [...this.members.values()].every(
      member => member.epoch === this.epoch && this.#isSettled(member),
    )
    return isSettled ? 'Stable' : 'Reconciling'
  }

  #isSettled({ assigned, target, revoking }: ModernMember): boolean {
    return revoking.size === 0 && assigned.size === target.size
  }

  /** Throws why the member is refused. */
  beat(beat: Beat): BeatAnswer {
    if (beat.epoch === leaving || beat.epoch === leavingForAWhile) return this.#leave(beat)
    checkAssignor(beat.assignor)
    if (beat.pattern !== undefined) checkPattern(beat.pattern)
    const isJoining = beat.epoch === 0
    const count = this.members.size
    const member = isJoining ? this.#join(beat) : this.#known(beat)
    const hasChanged = this.#update(member, beat) || this.members.size !== count
    if (hasChanged || this.#look() !== this.#seen) this.#assignAnew()
    this.#touch(member)
    const changed = this.#reconcile(member, beat.owned)
    const wantsAll = isJoining || beat.owned !== undefined
    const assignment = changed || wantsAll ? member.assigned : undefined
    return { memberId: member.id, epoch: member.epoch, assignment }
  }

  #join(beat: Beat): ModernMember {
    const known = this.members.get(beat.memberId)
    if (known !== undefined) {
      // It has lost what it had, or its answer was lost: it begins anew.
      this.#release(known)
      known.epoch = 0
      return known
    }
    const twin = this.#staticMember(beat.instanceId)
    if (twin !== undefined && twin.epoch !== leavingForAWhile) {
      throw new KafkaError(codes.UNRELEASED_INSTANCE_ID, `${beat.instanceId} is in use.`)
    }
    if (this.members.size >= limits.membersMax) {
      throw new KafkaError(codes.GROUP_MAX_SIZE_REACHED)
    }
    const member: ModernMember = {
      id: beat.memberId,
      instanceId: beat.instanceId,
      rackId: beat.rackId,
      epoch: 0,
      previousEpoch: 0,
      rebalanceMs: limits.sessionTimeoutMsMax,
      names: [],
      pattern: '',
      assignor: undefined,
      clientId: beat.clientId,
      clientHost: beat.clientHost,
      assigned: new Set(),
      revoking: new Set(),
      target: twin?.target ?? new Set(),
      session: undefined,
      revocation: undefined,
    }
    if (twin !== undefined) {
      // Its partitions have waited for it: nobody else has to move.
      member.names = twin.names
      member.pattern = twin.pattern
      this.#remove(twin)
    }
    this.members.set(member.id, member)
    return member
  }

  #staticMember(instanceId: string | null): ModernMember | undefined {
    if (instanceId === null) return undefined
    for (const member of this.members.values()) if (member.instanceId === instanceId) return member
    return undefined
  }

  #known(beat: Beat): ModernMember {
    const member = this.members.get(beat.memberId)
    if (member === undefined) throw new KafkaError(codes.UNKNOWN_MEMBER_ID, 'Unknown member.')
    if (beat.epoch === member.epoch) return member
    // The answer that told it its new epoch may have been lost.
    const mayBeLate =
      beat.epoch === member.previousEpoch &&
      (beat.owned ?? []).every(key => member.assigned.has(key))
    if (mayBeLate) return member
    throw new KafkaError(codes.FENCED_MEMBER_EPOCH, 'The member epoch is not the one we know.')
  }

  /** True when it wants something else than before. */
  #update(member: ModernMember, beat: Beat): boolean {
    const pattern = beat.pattern ?? member.pattern
    const names = beat.names ?? member.names
    const hasChanged =
      pattern !== member.pattern ||
      names.length !== member.names.length ||
      names.some(name => !member.names.includes(name)) ||
      (beat.assignor !== undefined && beat.assignor !== member.assignor)
    member.pattern = pattern
    member.names = names
    member.assignor = beat.assignor ?? member.assignor
    member.clientId = beat.clientId
    member.clientHost = beat.clientHost
    if (beat.rackId !== null) member.rackId = beat.rackId
    const { rebalanceMs } = beat
    if (rebalanceMs !== undefined && rebalanceMs > 0) member.rebalanceMs = rebalanceMs
    return hasChanged
  }

  #wanted(member: ModernMember, topics: readonly Topic[]): AssignableTopic[] {
    const pattern = member.pattern === '' ? undefined : new RegExp(`^(?:${member.pattern})$`)
    return topics.filter(({ name }) => member.names.includes(name) || pattern?.test(name) === true)
  }

  /** What the members want, and how many partitions that has, in one text. */
  #look(): string {
    const topics = this.#topics()
    const wanted = new Set<AssignableTopic>()
    for (const member of this.members.values()) {
      for (const topic of this.#wanted(member, topics)) wanted.add(topic)
    }
    return [...wanted].map(({ id, partitions }) => `${id}:${partitions}`).join(' ')
  }

  /** A new epoch, and a target for it. */
  #assignAnew(): void {
    this.epoch++
    const topics = this.#topics()
    this.#seen = this.#look()
    this.assignor = this.#choose()
    const claimants = [...this.members.values()].map(member => ({
      id: member.id,
      topics: this.#wanted(member, topics),
      had: member.target,
    }))
    const given = assignors[this.assignor]!(claimants)
    for (const member of this.members.values()) member.target = given.get(member.id)!
  }

  /** The assignor that most members ask for. */
  #choose(): string {
    const votes = new Map<string, number>()
    for (const { assignor } of this.members.values()) {
      if (assignor !== undefined) votes.set(assignor, (votes.get(assignor) ?? 0) + 1)
    }
    let best = 'uniform'
    for (const [name, count] of votes) if (count > (votes.get(best) ?? 0)) best = name
    return best
  }

  /** Brings a member nearer to its target; true: it has to be told. */
  #reconcile(member: ModernMember, owned: readonly string[] | undefined): boolean {
    let hasChanged = false
    if (member.revoking.size > 0 && owned !== undefined) {
      for (const key of member.revoking) if (!owned.includes(key)) this.#free(member, key)
    }
    for (const key of member.assigned) {
      if (member.target.has(key)) continue
      member.assigned.delete(key)
      member.revoking.add(key)
      hasChanged = true
    }
    // A member that has just joined, or begins anew, has nothing to give up.
    if (member.epoch === 0) for (const key of [...member.revoking]) this.#free(member, key)
    if (member.revoking.size > 0) {
      this.#awaitRevocation(member)
      return hasChanged
    }
    member.revocation?.cancel()
    member.revocation = undefined
    if (member.epoch !== this.epoch) {
      member.previousEpoch = member.epoch
      member.epoch = this.epoch
      hasChanged = true
    }
    for (const key of member.target) {
      if (member.assigned.has(key) || this.#owners.has(key)) continue
      this.#owners.set(key, member.id)
      member.assigned.add(key)
      hasChanged = true
    }
    return hasChanged
  }

  #free(member: ModernMember, key: string): void {
    member.revoking.delete(key)
    if (this.#owners.get(key) === member.id) this.#owners.delete(key)
  }

  /** Who does not give up in time is put out: the others wait for him. */
  #awaitRevocation(member: ModernMember): void {
    member.revocation ??= this.#deadlines.after(member.rebalanceMs, () => this.#putOut(member))
  }

  #touch(member: ModernMember): void {
    member.session?.cancel()
    member.session = this.#deadlines.after(limits.modernSessionMs, () => this.#putOut(member))
  }

  #putOut(member: ModernMember): void {
    if (this.members.get(member.id) !== member) return
    this.#remove(member)
    this.#assignAnew()
  }

  #leave(beat: Beat): BeatAnswer {
    const member = this.members.get(beat.memberId)
    if (member === undefined) throw new KafkaError(codes.UNKNOWN_MEMBER_ID, 'Unknown member.')
    const answer = { memberId: member.id, epoch: beat.epoch, assignment: undefined }
    if (beat.epoch === leavingForAWhile && member.instanceId !== null) {
      member.epoch = leavingForAWhile
      this.#touch(member)
      return answer
    }
    this.#putOut(member)
    return answer
  }

  #release(member: ModernMember): void {
    for (const key of [...member.assigned, ...member.revoking]) this.#free(member, key)
    member.assigned = new Set()
    member.revocation?.cancel()
    member.revocation = undefined
  }

  #remove(member: ModernMember): void {
    this.#release(member)
    member.session?.cancel()
    this.members.delete(member.id)
  }

  /** The code for a member that commits or asks for its places; 0: it is one of us. */
  judge(memberId: string, epoch: number): number {
    const member = this.members.get(memberId)
    if (member === undefined) return codes.UNKNOWN_MEMBER_ID
    return member.epoch === epoch ? 0 : codes.STALE_MEMBER_EPOCH
  }

  /** Somebody wants it out; false: it is not here. */
  kick(memberId: string): boolean {
    const member = this.members.get(memberId)
    if (member !== undefined) this.#putOut(member)
    return member !== undefined
  }

  /** It is deleted. */
  end(): void {
    for (const member of [...this.members.values()]) this.#remove(member)
  }
}

function checkAssignor(name: string | undefined): void {
  if (name === undefined || Object.hasOwn(assignors, name)) return
  const known = Object.keys(assignors).join(', ')
  throw new KafkaError(codes.UNSUPPORTED_ASSIGNOR, `There are these assignors: ${known}.`)
}

/**
 * A pattern is run against every name of a topic, so it must be one that ends: no group is
 * repeated, and few things are. Kafka's patterns (RE2) are free of that worry; ours are not.
 */
function checkPattern(pattern: string): void {
  const repeats = pattern.match(/[*+]|\{\d*,\d*\}/g)?.length ?? 0
  const isTame = !/\)[*+{?]|\(\?|\\\d/.test(pattern) && repeats <= 3 && pattern.length <= 1000
  try {
    new RegExp(`^(?:${pattern})$`)
    if (isTame) return
  } catch {
    // Told below.
  }
  const text = `This pattern is none, or none that is served here: ${pattern}`
  throw new KafkaError(codes.INVALID_REGULAR_EXPRESSION, text)
}

/** The other way round than `partitionKey`. */
export function byTopicId(keys: Iterable<string>): { topicId: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>()
  for (const key of keys) {
    const [topicId = '', partition = ''] = key.split(':')
    const known = topics.get(topicId)
    if (known === undefined) topics.set(topicId, [Number(partition)])
    else known.push(Number(partition))
  }
  return [...topics].map(([topicId, partitions]) => ({
    topicId,
    partitions: partitions.sort((left, right) => left - right),
  }))
}
