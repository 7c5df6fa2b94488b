/**
 * One group of the classic protocol: the members agree, the leader among them assigns.
 *
 *     Empty → PreparingRebalance → CompletingRebalance → Stable → PreparingRebalance …
 *               (all have joined)      (leader has synced)   (somebody came, left, or changed)
 *
 * It is volatile: after a restart members are unknown and join anew. Places are kept elsewhere.
 */

import { codes } from '../../wire/kafka/error-codes.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import { limits } from './limits.ts'

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

export interface Protocol {
  readonly name: string
  readonly metadata: Uint8Array
}

export interface JoinRequest {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionMs: number
  readonly rebalanceMs: number
  readonly protocolType: string
  readonly protocols: readonly Protocol[]
  /** A newcomer must come again with the id that it is given (since JoinGroup 4). */
  readonly idRequired: boolean
  /** An answer may say: keep what you have (since JoinGroup 9). */
  readonly maySkip: boolean
}

export interface JoinAnswer {
  readonly errorCode: number
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string
  readonly skipAssignment: boolean
  readonly memberId: string
  readonly members: readonly {
    readonly memberId: string
    readonly groupInstanceId: string | null
    readonly metadata: Uint8Array
  }[]
}

export interface SyncAnswer {
  readonly errorCode: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignment: Uint8Array
}

export interface Member {
  readonly id: string
  readonly instanceId: string | null
  clientId: string
  clientHost: string
  sessionMs: number
  rebalanceMs: number
  protocols: readonly Protocol[]
  assignment: Uint8Array
  onJoined: ((answer: JoinAnswer) => void) | undefined
  onSynced: ((answer: SyncAnswer) => void) | undefined
  session: Deadline | undefined
}

const nothing = new Uint8Array(0)

export class ClassicGroup {
  readonly id: string
  state: GroupState = 'Empty'
  generation = 0
  protocolType = ''
  protocol = ''
  leader = ''
  readonly members = new Map<string, Member>()
  /** Ids that were given out and have not come back. */
  readonly #promised = new Map<string, Deadline>()
  readonly #deadlines: Deadlines
  readonly #newId: (prefix: string) => string
  readonly #initialDelayMs: number
  #rebalance: Deadline | undefined

  constructor(
    id: string,
    parts: {
      readonly deadlines: Deadlines
      readonly newId: (prefix: string) => string
      readonly initialDelayMs: number
    },
  ) {
    this.id = id
    this.#deadlines = parts.deadlines
    this.#newId = parts.newId
    this.#initialDelayMs = parts.initialDelayMs
  }

  // Joining

  join(request: JoinRequest, reply: (answer: JoinAnswer) => void): void {
    const code = this.#refusal(request)
    if (code !== 0) return reply(joinFailure(code, request.memberId))
    const old = this.#staticMember(request.instanceId)
    if (request.memberId === '') {
      if (old !== undefined) return this.#replaceStatic(old, request, reply)
      if (request.idRequired && request.instanceId === null) {
        return reply(joinFailure(codes.MEMBER_ID_REQUIRED, this.#promise(request)))
      }
      return this.#add(this.#newId(request.instanceId ?? request.clientId), request, reply)
    }
    if (this.#promised.has(request.memberId)) {
      this.#promised.get(request.memberId)?.cancel()
      this.#promised.delete(request.memberId)
      return this.#add(request.memberId, request, reply)
    }
    const member = this.members.get(request.memberId)
    if (old !== undefined && old.id !== request.memberId) {
      return reply(joinFailure(codes.FENCED_INSTANCE_ID, request.memberId))
    }
    if (member === undefined) return reply(joinFailure(codes.UNKNOWN_MEMBER_ID, request.memberId))
    this.#rejoin(member, request, reply)
  }

  #refusal(request: JoinRequest): number {
    if (this.members.size >= limits.membersMax && !this.members.has(request.memberId)) {
      return codes.GROUP_MAX_SIZE_REACHED
    }
    if (request.protocols.length === 0) return codes.INCONSISTENT_GROUP_PROTOCOL
    const others = [...this.members.values()].filter(each => each.id !== request.memberId)
    if (this.members.size === 0) {
      return request.protocolType === '' ? codes.INCONSISTENT_GROUP_PROTOCOL : 0
    }
    if (request.protocolType !== this.protocolType) return codes.INCONSISTENT_GROUP_PROTOCOL
    const agreed = request.protocols.some(({ name }) =>
      others.every(member => member.protocols.some(each => each.name === name)),
    )
    return agreed ? 0 : codes.INCONSISTENT_GROUP_PROTOCOL
  }

  #promise(request: JoinRequest): string {
    const id = this.#newId(request.clientId)
    const forget = () => this.#promised.delete(id)
    this.#promised.set(id, this.#deadlines.after(request.sessionMs, forget))
    return id
  }

  #staticMember(instanceId: string | null): Member | undefined {
    if (instanceId === null) return undefined
    for (const member of this.members.values()) if (member.instanceId === instanceId) return member
    return undefined
  }

  #add(id: string, request: JoinRequest, reply: (answer: JoinAnswer) => void): void {
    const wasEmpty = this.members.size === 0 && this.state === 'Empty'
    const { instanceId, clientId, clientHost, sessionMs, rebalanceMs, protocols } = request
    const member: Member = {
      id,
      instanceId,
      clientId,
      clientHost,
      sessionMs,
      rebalanceMs,
      protocols,
      assignment: nothing,
      onJoined: reply,
      onSynced: undefined,
      session: undefined,
    }
    this.members.set(id, member)
    this.protocolType = request.protocolType
    if (this.leader === '') this.leader = id
    this.#prepare(wasEmpty ? this.#initialDelayMs : 0)
  }

  /** A static member comes again after a restart: its partitions wait for it. */
  #replaceStatic(old: Member, request: JoinRequest, reply: (answer: JoinAnswer) => void): void {
    const id = this.#newId(request.instanceId!)
    const fenced = joinFailure(codes.FENCED_INSTANCE_ID, old.id)
    old.onJoined?.(fenced)
    old.onSynced?.(syncFailure(codes.FENCED_INSTANCE_ID))
    old.session?.cancel()
    const wasLeader = this.leader === old.id
    this.members.delete(old.id)
    const isSame = this.state === 'Stable' && sameProtocols(old.protocols, request.protocols)
    const { instanceId, clientId, clientHost, sessionMs, rebalanceMs, protocols } = request
    const member: Member = {
      ...old,
      ...{ id, instanceId, clientId, clientHost, sessionMs, rebalanceMs, protocols },
      onJoined: reply,
      onSynced: undefined,
      session: undefined,
    }
    this.members.set(id, member)
    if (wasLeader) this.leader = id
    if (!isSame) return this.#prepare(0)
    this.touch(member)
    const isSkipped = wasLeader && request.maySkip
    member.onJoined = undefined
    reply({ ...this.#answerFor(member, isSkipped), skipAssignment: isSkipped })
  }

  #rejoin(member: Member, request: JoinRequest, reply: (answer: JoinAnswer) => void): void {
    const changed = !sameProtocols(member.protocols, request.protocols)
    member.protocols = request.protocols
    member.sessionMs = request.sessionMs
    member.rebalanceMs = request.rebalanceMs
    const isLeader = member.id === this.leader
    const asks = this.state === 'Stable' && (isLeader || changed)
    if (this.state === 'PreparingRebalance' || asks || (this.state !== 'Stable' && changed)) {
      member.onJoined?.(joinFailure(codes.UNKNOWN_MEMBER_ID, member.id))
      member.onJoined = reply
      this.#prepare(0)
      return
    }
    this.touch(member)
    reply(this.#answerFor(member, false))
  }

  // Rebalancing

  #prepare(initialDelayMs: number): void {
    if (this.state !== 'PreparingRebalance') {
      for (const member of this.members.values()) {
        member.onSynced?.(syncFailure(codes.REBALANCE_IN_PROGRESS))
        member.onSynced = undefined
      }
      this.state = 'PreparingRebalance'
      const waitMs = Math.max(0, ...[...this.members.values()].map(each => each.rebalanceMs))
      this.#rebalance?.cancel()
      this.#isFirst = initialDelayMs > 0
      const delayMs = this.#isFirst ? Math.min(initialDelayMs, waitMs) : waitMs
      this.#rebalance = this.#deadlines.after(delayMs, () => {
        this.#isFirst = false
        this.#complete()
      })
    }
    this.#considerComplete()
  }

  /** Waits for more newcomers, for as long as the setting says. */
  #isFirst = false

  #considerComplete(): void {
    if (this.state !== 'PreparingRebalance' || this.#isFirst) return
    for (const member of this.members.values()) if (member.onJoined === undefined) return
    this.#complete()
  }

  #complete(): void {
    this.#rebalance?.cancel()
    for (const member of [...this.members.values()]) {
      if (member.onJoined === undefined && member.instanceId === null) this.#drop(member)
    }
    if (this.members.size === 0) return this.#empty()
    if (!this.members.has(this.leader)) this.leader = [...this.members.keys()][0]!
    this.generation++
    this.protocol = this.#choose()
    this.state = 'CompletingRebalance'
    for (const member of this.members.values()) {
      const reply = member.onJoined
      member.onJoined = undefined
      this.touch(member)
      reply?.(this.#answerFor(member, member.id === this.leader))
    }
    // Some clients name no rebalance time-out: who has just been heard gets his session's time.
    const times = [...this.members.values()].map(each => Math.max(each.rebalanceMs, each.sessionMs))
    const waitMs = Math.max(...times)
    this.#rebalance = this.#deadlines.after(waitMs, () => this.#syncExpired())
  }

  #syncExpired(): void {
    if (this.state === 'CompletingRebalance') this.#prepare(0)
  }

  /** The protocol that all have, and that most like best. */
  #choose(): string {
    const members = [...this.members.values()]
    const shared = members[0]!.protocols.filter(({ name }) =>
      members.every(member => member.protocols.some(each => each.name === name)),
    )
    const votes = new Map<string, number>()
    for (const member of members) {
      const vote = member.protocols.find(({ name }) => shared.some(each => each.name === name))
      if (vote !== undefined) votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1)
    }
    let best = ''
    for (const [name, count] of votes) if (count > (votes.get(best) ?? 0)) best = name
    return best
  }

  #answerFor(member: Member, withMembers: boolean): JoinAnswer {
    const members = withMembers
      ? [...this.members.values()].map(({ id, instanceId, protocols }) => ({
          memberId: id,
          groupInstanceId: instanceId,
          metadata: protocols.find(({ name }) => name === this.protocol)?.metadata ?? nothing,
        }))
      : []
    return {
      errorCode: 0,
      generationId: this.generation,
      protocolType: this.protocolType,
      protocolName: this.protocol,
      leader: this.leader,
      skipAssignment: false,
      memberId: member.id,
      members,
    }
  }

  // Syncing, living, leaving

  /** The code for a member that says something; 0: it is one of us, in this generation. */
  judge(memberId: string, instanceId: string | null, generation: number | undefined): number {
    const own = this.#staticMember(instanceId)
    if (own !== undefined && own.id !== memberId) return codes.FENCED_INSTANCE_ID
    if (!this.members.has(memberId)) return codes.UNKNOWN_MEMBER_ID
    return generation !== undefined && generation !== this.generation ? codes.ILLEGAL_GENERATION : 0
  }

  sync(
    memberId: string,
    assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[],
    reply: (answer: SyncAnswer) => void,
  ): void {
    const member = this.members.get(memberId)!
    if (this.state === 'PreparingRebalance') return reply(syncFailure(codes.REBALANCE_IN_PROGRESS))
    this.touch(member)
    if (this.state === 'Stable') return reply(this.#syncAnswer(member))
    member.onSynced = reply
    if (memberId !== this.leader) return
    for (const each of this.members.values()) each.assignment = nothing
    for (const { memberId: id, assignment } of assignments) {
      const each = this.members.get(id)
      if (each !== undefined) each.assignment = assignment
    }
    this.#rebalance?.cancel()
    this.state = 'Stable'
    for (const each of this.members.values()) {
      const answer = each.onSynced
      each.onSynced = undefined
      answer?.(this.#syncAnswer(each))
    }
  }

  #syncAnswer(member: Member): SyncAnswer {
    const { protocolType, protocol } = this
    return { errorCode: 0, protocolType, protocolName: protocol, assignment: member.assignment }
  }

  /** The member lives. */
  touch(member: Member): void {
    member.session?.cancel()
    member.session = this.#deadlines.after(member.sessionMs, () => {
      // Who waits for an answer of ours cannot say anything.
      if (member.onJoined !== undefined || member.onSynced !== undefined) this.touch(member)
      else this.#remove(member)
    })
  }

  heartbeat(memberId: string): number {
    this.touch(this.members.get(memberId)!)
    return this.state === 'PreparingRebalance' ? codes.REBALANCE_IN_PROGRESS : 0
  }

  leave(memberId: string, instanceId: string | null): number {
    const own = this.#staticMember(instanceId)
    if (instanceId !== null && own === undefined) return codes.UNKNOWN_MEMBER_ID
    if (own !== undefined && memberId !== '' && own.id !== memberId) return codes.FENCED_INSTANCE_ID
    if (this.#promised.delete(memberId)) return 0
    const member = own ?? this.members.get(memberId)
    if (member === undefined) return codes.UNKNOWN_MEMBER_ID
    this.#remove(member)
    return 0
  }

  #remove(member: Member): void {
    this.#drop(member)
    if (this.members.size === 0) this.#empty()
    else if (this.state === 'PreparingRebalance') this.#considerComplete()
    else this.#prepare(0)
  }

  #drop(member: Member): void {
    member.session?.cancel()
    member.onJoined?.(joinFailure(codes.UNKNOWN_MEMBER_ID, member.id))
    member.onSynced?.(syncFailure(codes.UNKNOWN_MEMBER_ID))
    this.members.delete(member.id)
    if (this.leader === member.id) this.leader = [...this.members.keys()][0] ?? ''
  }

  #empty(): void {
    this.#rebalance?.cancel()
    this.generation++
    this.leader = ''
    this.protocol = ''
    this.state = 'Empty'
  }

  /** It is deleted. */
  end(): void {
    this.state = 'Dead'
    this.#rebalance?.cancel()
    for (const promised of this.#promised.values()) promised.cancel()
    for (const member of this.members.values()) member.session?.cancel()
  }
}

function sameProtocols(left: readonly Protocol[], right: readonly Protocol[]): boolean {
  if (left.length !== right.length) return false
  return left.every(({ name, metadata }, index) => {
    const other = right[index]!
    if (other.name !== name || other.metadata.length !== metadata.length) return false
    return metadata.every((octet, at) => octet === other.metadata[at])
  })
}

export function joinFailure(errorCode: number, memberId: string): JoinAnswer {
  return {
    errorCode,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  }
}

export function syncFailure(errorCode: number): SyncAnswer {
  return { errorCode, protocolType: null, protocolName: null, assignment: nothing }
}
