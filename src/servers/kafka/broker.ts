/** What all connections of one Kafka server share: the options, and the parts that remember. */

import type { EngineDoor } from '../../engine/engine.ts'
import type { Clock, Random } from '../../engine/ports.ts'
import { codes } from '../../wire/kafka/error-codes.ts'
import type { Credential, Mechanism } from '../../wire/kafka/scram.ts'
import type { ReadPlain } from '../plain-record.ts'
import { Acls } from './acls.ts'
import { ClassicGroup } from './classic-group.ts'
import { Compaction } from './compaction.ts'
import { Credentials } from './credentials.ts'
import { Deadlines } from './deadlines.ts'
import { KafkaError } from './errors.ts'
import { FetchSessions } from './fetch-sessions.ts'
import { GroupConfigs } from './group-configs.ts'
import { limits } from './limits.ts'
import type { Configs } from './mapping.ts'
import { Memory } from './memory.ts'
import { ModernGroup } from './modern-group.ts'
import { NewestRecords } from './newest-records.ts'
import { Offsets } from './offsets.ts'
import { Producers } from './producers.ts'
import type { ProfileName } from './profiles.ts'
import { Retention } from './retention.ts'
import { ShareGroup } from './share-group.ts'
import { Shares } from './shares.ts'
import { type Topic, Topics } from './topics.ts'
import { Transactions } from './transactions.ts'

export interface Peer {
  readonly address: string
  readonly port: number
  readonly tls: boolean
}

export type Authenticate = (user: string, password: string, peer: Peer) => boolean

export interface KafkaServerOptions {
  readonly engine: EngineDoor
  readonly clock: Clock
  readonly random: Random
  /** Undefined: everybody may come in, and nobody is asked. */
  readonly authenticate?: Authenticate | undefined
  /** What users who were not set through Kafka log in to SCRAM with. */
  readonly scram?: ((user: string, mechanism: Mechanism) => Credential | undefined) | undefined
  /** What Metadata names. Default: `localhost` on a loopback connection, else the local address. */
  readonly advertised?: { readonly host: string; readonly port?: number } | undefined
  /** Topics that are made by being mentioned, and those that name no number. Default: 1. */
  readonly partitions?: number | undefined
  readonly autoCreate?: boolean | undefined
  /** How long the first member of a group waits for others, in ms. Default: 0; Kafka's is 3000. */
  readonly initialRebalanceDelayMs?: number | undefined
  /** The Kafka that clients see. Default: 4.2. */
  readonly profile?: ProfileName | undefined
  /** A topic may ask for more replicas than there are brokers, and gets one. Default: false. */
  readonly anyReplication?: boolean | undefined
  /** Reads what other protocols wrote. Without it there are only key and body. */
  readonly readPlain?: ReadPlain | undefined
}

export interface Member {
  failed(): void
}

export const nodeId = 0

export class Broker {
  readonly options: KafkaServerOptions
  readonly engine: EngineDoor
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly topics: Topics
  readonly producers: Producers
  readonly offsets: Offsets
  readonly transactions: Transactions
  readonly retention: Retention
  readonly acls: Acls
  readonly credentials: Credentials
  readonly fetchSessions: FetchSessions
  readonly newestRecords: NewestRecords
  readonly groups = new Map<string, ClassicGroup>()
  readonly modernGroups = new Map<string, ModernGroup>()
  readonly shareGroups = new Map<string, ShareGroup>()
  readonly groupConfigs: GroupConfigs
  readonly shares: Shares
  readonly members = new Set<Member>()
  readonly partitions: number
  readonly profile: ProfileName
  readonly readPlain: ReadPlain
  readonly clusterId: string

  constructor(options: KafkaServerOptions) {
    const { engine, clock, random } = options
    this.options = options
    this.engine = engine
    this.clock = clock
    this.partitions = options.partitions ?? 1
    this.profile = options.profile ?? '4.2'
    this.readPlain = options.readPlain ?? (() => undefined)
    this.deadlines = new Deadlines(clock)
    this.topics = new Topics(engine, random)
    this.producers = new Producers(engine)
    this.offsets = new Offsets(engine)
    this.acls = new Acls(engine)
    this.credentials = new Credentials(engine, options.scram)
    this.fetchSessions = new FetchSessions(() => random.uint32())
    this.newestRecords = new NewestRecords(engine, this.readPlain)
    this.groupConfigs = new GroupConfigs(engine)
    const { deadlines, topics, producers, offsets, groupConfigs } = this
    const start = (log: string, first: number) => topics.start(log, first)
    this.shares = new Shares({ engine, clock, deadlines, configs: groupConfigs, start })
    this.transactions = new Transactions({ engine, clock, deadlines, producers, offsets })
    const stableEnd = (log: string, next: number) => this.stableEnd(log, next)
    this.clusterId = this.#clusterId()
    // Last, for it has a deadline from now on: before, an engine that is closed has said so.
    const onFirst = (log: string, first: number) => this.transactions.forgetBefore(log, first)
    const isAborted = (log: string, producerId: number, offset: number) =>
      this.transactions
        .abortedIn(log, offset, offset + 1)
        .some(each => each.producerId === producerId)
    const compaction = new Compaction({ engine, clock, stableEnd, isAborted })
    const compact = (topic: Topic, log: string) => compaction.pass(topic, log)
    const parts = { engine, clock, deadlines, topics, stableEnd, onFirst, compact }
    this.retention = new Retention(parts)
    engine.onFailure(() => {
      this.deadlines.stop()
      for (const member of [...this.members]) member.failed()
    })
  }

  #clusterId(): string {
    const memory = new Memory<string>(this.engine, 'cluster')
    const known = memory.get('id')
    if (known !== undefined) return known
    const id = this.randomText(22)
    memory.put(['id', id])
    return id
  }

  /** Letters that nobody can guess. */
  randomText(length: number): string {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const { random } = this.options
    return Array.from({ length }, () => letters[random.uint32() % 64]).join('')
  }

  /** A member's id: like Kafka's, the client's name and something that nobody can guess. */
  newMemberId(prefix: string): string {
    const hex = Array.from({ length: 4 }, () =>
      this.options.random.uint32().toString(16).padStart(8, '0'),
    ).join('')
    const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    return `${prefix === '' ? 'consumer' : prefix}-${uuid}`
  }

  group(id: string): ClassicGroup {
    const known = this.groups.get(id)
    if (known !== undefined) return known
    this.#checkGroupCount()
    const group = new ClassicGroup(id, {
      deadlines: this.deadlines,
      newId: prefix => this.newMemberId(prefix),
      initialDelayMs: this.options.initialRebalanceDelayMs ?? 0,
    })
    this.groups.set(id, group)
    return group
  }

  /** A group is of one kind while it has members; an empty one becomes what is asked for. */
  modernGroup(id: string, mayCreate: boolean): ModernGroup {
    const known = this.modernGroups.get(id)
    if (known !== undefined) return known
    if (!mayCreate) throw new KafkaError(codes.UNKNOWN_MEMBER_ID, 'Unknown member.')
    const classic = this.groups.get(id)
    if ((classic !== undefined && classic.members.size > 0) || this.isShared(id)) {
      throw new KafkaError(codes.GROUP_ID_NOT_FOUND, `Group ${id} is not a consumer group.`)
    }
    classic?.end()
    this.groups.delete(id)
    this.#checkGroupCount()
    const { deadlines } = this
    const group = new ModernGroup(id, { deadlines, topics: () => this.topics.list() })
    this.modernGroups.set(id, group)
    return group
  }

  /** True when a member of the classic protocol may come in. */
  mayBeClassic(id: string): boolean {
    const modern = this.modernGroups.get(id)
    if ((modern !== undefined && modern.members.size > 0) || this.isShared(id)) return false
    this.modernGroups.delete(id)
    return true
  }

  /** A share group is one until it is deleted: what it has done is kept under its name. */
  isShared(id: string): boolean {
    return this.shareGroups.has(id) || this.shares.has(id)
  }

  shareGroup(id: string, mayCreate: boolean): ShareGroup {
    const known = this.shareGroups.get(id)
    if (known !== undefined) return known
    const others = [this.groups.get(id), this.modernGroups.get(id)]
    const isOther = others.some(each => each !== undefined && each.members.size > 0)
    if (isOther || this.offsets.has(id)) {
      throw new KafkaError(codes.GROUP_ID_NOT_FOUND, `Group ${id} is not a share group.`)
    }
    if (!mayCreate) throw new KafkaError(codes.UNKNOWN_MEMBER_ID, 'Unknown member.')
    this.#checkGroupCount()
    const group = new ShareGroup(id, {
      deadlines: this.deadlines,
      topics: () => this.topics.list(),
      sessionMs: () => this.groupConfigs.number(id, 'share.session.timeout.ms'),
      onGone: memberId => this.shares.closeSessionOf(id, memberId),
    })
    this.shareGroups.set(id, group)
    return group
  }

  #checkGroupCount(): void {
    const count = this.groups.size + this.modernGroups.size + this.shareGroups.size
    if (count < limits.groupsMax) return
    throw new KafkaError(codes.INVALID_GROUP_ID)
  }

  createTopic(name: string, partitions: number, configs: Configs): Topic {
    return this.topics.create(name, partitions === -1 ? this.partitions : partitions, configs)
  }

  removeTopic(topic: Topic): void {
    this.engine.batch(() => {
      this.topics.remove(topic)
      this.offsets.removeTopic(topic.name)
      this.shares.removeTopic(topic)
      for (const log of topic.logs) {
        this.producers.forget(log)
        this.transactions.forget(log)
        this.newestRecords.forget(log)
      }
    })
  }

  /** The end of what a consumer that reads committed records may see. */
  stableEnd(log: string, next: number): number {
    return Math.min(next, this.transactions.firstOpen(log))
  }
}
