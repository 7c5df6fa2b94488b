/**
 * What all connections of one Redis server share: the keys, who waits for them, who watches them,
 * who subscribes to what, the settings, the counters.
 */

import type { EngineDoor } from '../../engine/engine.ts'
import type { Clock, Random, Timer } from '../../engine/ports.ts'
import type { Reply } from '../../wire/resp/reply.ts'
import type { Request } from '../../wire/resp/request.ts'
import { Acl } from './acl.ts'
import { type Command, minorOf } from './command.ts'
import { defaultConfig } from './config.ts'
import { RedisError } from './errors.ts'
import { matches } from './glob.ts'
import { Keyspace, type Type } from './keyspace.ts'
import { MemoryLimit, memoryBytes } from './memory.ts'
import { latestProfile, type ProfileName, profiles } from './profiles.ts'
import type { Session, Wait } from './session.ts'
import type { NodeLimits } from './stream.ts'

export interface RedisServerOptions {
  readonly engine: EngineDoor
  readonly clock: Clock
  readonly random: Random
  /** Undefined: everybody may come in without a password. */
  readonly authenticate?:
    | ((
        user: string,
        password: string,
        peer: { readonly address: string; readonly port: number; readonly tls: boolean },
      ) => boolean)
    | undefined
  /** Which Redis to behave like. */
  readonly profile?: ProfileName | undefined
  readonly port?: number | undefined
  /** Bytes that this process uses, for `maxmemory`; undefined: nobody knows. */
  readonly usedMemory?: (() => number) | undefined
}

/** A connection, as the broker knows it. */
export interface Member {
  readonly session: Session
  /** Lets out what was written, and goes on with what waited. */
  woken(): void
  /** Hangs up after what has been written. */
  kill(): void
  /** Something was written outside of its own turn. */
  wrote(): void
  /** CLIENT PAUSE is over. */
  unpaused(): void
}

interface BlockOptions {
  readonly keys: readonly string[]
  readonly types: readonly Type[]
  readonly timeoutMs: number
  readonly whenGone?: boolean
  readonly againInMs?: number | undefined
  readonly onTimeout: (reply: Reply) => void
}

/** How often a command was called, refused before it ran, and failed. */
interface Counts {
  calls: number
  rejected: number
  failed: number
}

const place = (database: number, key: string): string => String.fromCharCode(48 + database) + key

export class Broker {
  readonly engine: EngineDoor
  readonly options: RedisServerOptions
  readonly keys: Keyspace
  readonly acl: Acl
  readonly version: string
  readonly minor: number
  readonly config = new Map<string, string>(defaultConfig)
  /** Of the settings, what every XADD asks for. */
  nodeLimits: NodeLimits = { entries: 0, bytes: 0 }
  notifies = false
  readonly memory: MemoryLimit
  readonly members = new Map<number, Member>()
  readonly channels = new Map<string, Set<Session>>()
  readonly patterns = new Map<string, Set<Session>>()
  readonly stats = { commands: 0, connections: 0, expired: 0 }
  readonly counts = new Map<string, Counts>()
  readonly #countsByIndex: (Counts | undefined)[] = []
  readonly errorCounts = new Map<string, number>()
  readonly startedAt: number
  readonly runId: string
  readonly #waits = new Map<string, Set<Wait>>()
  readonly #ready = new Set<string>()
  readonly #watchers = new Map<string, Set<Session>>()
  #sessions = 0

  /** `commands`: all that there are, for the rules of users. */
  constructor(options: RedisServerOptions, commands: () => Iterable<Command>) {
    this.options = options
    this.engine = options.engine
    const profile = options.profile ?? latestProfile
    this.version = profiles[profile]
    this.minor = minorOf(profile)
    const { clock, usedMemory = () => 0 } = options
    this.memory = new MemoryLimit(usedMemory, () => clock.monotonic())
    this.configured()
    this.startedAt = this.now()
    this.runId = Array.from({ length: 5 }, () =>
      options.random.uint32().toString(16).padStart(8, '0'),
    ).join('')
    this.keys = new Keyspace(this.engine, () => this.now())
    this.acl = new Acl(this.engine, commands)
    this.keys.onChange = (database, key) => this.#changed(database, key)
    this.keys.onExpired = (database, key) => {
      this.stats.expired++
      this.notify('expired', 'x', database, key)
    }
  }

  /** After every change of the settings. */
  configured(): void {
    this.nodeLimits = {
      entries: Number(this.config.get('stream-node-max-entries')),
      bytes: Number(this.config.get('stream-node-max-bytes')),
    }
    this.memory.bytesMax = memoryBytes(this.config.get('maxmemory')!) ?? 0
    this.notifies = this.config.get('notify-keyspace-events') !== ''
  }

  #turnAt = -1

  /** Within a turn the time stands still: all commands of a chunk come at one time. */
  now(): number {
    return this.#turnAt >= 0 ? this.#turnAt : this.options.clock.now()
  }

  beginTurn(): void {
    this.#turnAt = this.options.clock.now()
  }

  endTurn(): void {
    this.#turnAt = -1
  }

  /** True when the imitated Redis is at least this version. */
  since(version: string): boolean {
    return this.minor >= minorOf(version)
  }

  nextId(): number {
    return ++this.#sessions
  }

  // Pausing

  #pausedUntil = 0
  #pausesAll = false
  #pauseTimer: Timer | undefined
  readonly #postponed = new Set<Member>()

  /** Commands wait for so long: those that write, or all. A longer pause stays. */
  pause(ms: number, all: boolean): void {
    const until = this.options.clock.now() + ms
    this.#pausesAll = all
    if (until <= this.#pausedUntil) return
    this.#pausedUntil = until
    this.#pauseTimer?.cancel()
    this.#pauseTimer = this.options.clock.schedule(ms, () => this.unpause())
  }

  unpause(): void {
    this.#pausedUntil = 0
    this.#pauseTimer?.cancel()
    const waiting = [...this.#postponed]
    this.#postponed.clear()
    for (const member of waiting) member.unpaused()
  }

  /** True when the command has to wait; the member is told when the pause is over. */
  postpones(command: Command, member: Member): boolean {
    if (this.#pausedUntil === 0 || command.name.startsWith('client|')) return false
    const waits = this.#pausesAll || command.flags.includes('write') || command.name === 'exec'
    if (waits || command.name.endsWith('publish')) this.#postponed.add(member)
    return this.#postponed.has(member)
  }

  // Watching

  watch(session: Session, key: string): void {
    const at = place(session.database, key)
    session.watched.add(at)
    let watchers = this.#watchers.get(at)
    if (watchers === undefined) {
      watchers = new Set()
      this.#watchers.set(at, watchers)
    }
    watchers.add(session)
  }

  unwatch(session: Session): void {
    for (const at of session.watched) {
      const watchers = this.#watchers.get(at)
      watchers?.delete(session)
      if (watchers?.size === 0) this.#watchers.delete(at)
    }
    session.watched.clear()
    session.watchBroken = false
  }

  #changed(database: number, key: string): void {
    if (this.#watchers.size > 0) {
      for (const session of this.#watchers.get(place(database, key)) ?? []) {
        session.watchBroken = true
      }
    }
    this.signal(database, key)
  }

  /** Somebody may be waiting for this. */
  signal(database: number, key: string): void {
    if (this.#waits.size === 0) return
    const at = place(database, key)
    if (this.#waits.has(at)) this.#ready.add(at)
  }

  // Waiting

  get waiting(): number {
    let count = 0
    for (const { session } of this.members.values()) if (session.wait !== undefined) count++
    return count
  }

  /** Keys that somebody waits for; and those whose end would wake somebody, too. */
  get waitedKeys(): { readonly all: number; readonly whenGone: number } {
    let whenGone = 0
    for (const waits of this.#waits.values()) {
      if ([...waits].some(wait => wait.whenGone)) whenGone++
    }
    return { all: this.#waits.size, whenGone }
  }

  block(session: Session, request: Request, options: BlockOptions): void {
    const { database } = session
    const { keys, types, timeoutMs, whenGone = false, onTimeout } = options
    const command = session.command!
    let timer: Timer | undefined
    let again: Timer | undefined
    const places = keys.map(key => place(database, key))
    const wait: Wait = {
      ...{ session, request: request.copy(), command, database, keys, types, whenGone },
      lookAgainIn: ms => {
        again?.cancel()
        again = this.options.clock.schedule(Math.max(1, ms), () => {
          for (const key of keys) this.signal(database, key)
          this.serveWaiting()
          this.keys.flush()
        })
      },
      cancel: () => {
        timer?.cancel()
        again?.cancel()
        session.wait = undefined
        for (const at of places) {
          const waits = this.#waits.get(at)
          waits?.delete(wait)
          if (waits?.size === 0) this.#waits.delete(at)
        }
      },
    }
    for (const at of places) {
      let waits = this.#waits.get(at)
      if (waits === undefined) {
        waits = new Set()
        this.#waits.set(at, waits)
      }
      waits.add(wait)
    }
    session.wait = wait
    if (options.againInMs !== undefined) wait.lookAgainIn(options.againInMs)
    if (timeoutMs === 0) return
    timer = this.options.clock.schedule(timeoutMs, () => {
      this.release(wait, reply => onTimeout(reply))
    })
  }

  /** Ends a wait with a reply. */
  release(wait: Wait, write: (reply: Reply) => void): void {
    const { session } = wait
    wait.cancel()
    write(session.reply)
    this.members.get(session.id)?.woken()
  }

  /** Asks those again, in the order in which they came, whose keys have changed. */
  serveWaiting(): void {
    while (this.#ready.size > 0) {
      const ready = [...this.#ready]
      this.#ready.clear()
      for (const at of ready) {
        for (const wait of [...(this.#waits.get(at) ?? [])]) this.#serve(wait, at.slice(1))
      }
    }
  }

  #serve(wait: Wait, key: string): void {
    const { session, types } = wait
    if (session.wait !== wait) return
    const entry = this.keys.find(wait.database, key)
    const fits = entry !== undefined && types.includes(entry.type)
    if (!fits && !wait.whenGone) return
    if (!fits && !this.since('7.2')) {
      this.release(wait, reply => reply.error('UNBLOCKED the stream key no longer exists'))
      return
    }
    const member = this.members.get(session.id)
    if (member === undefined) return
    session.retrying = true
    session.stillWaiting = false
    const { database } = session
    session.database = wait.database
    const start = session.reply.out.end
    try {
      wait.command.handler(session, wait.request)
    } catch (error) {
      session.reply.out.end = start
      if (!(error instanceof RedisError)) throw error
      this.countsOf(wait.command).failed++
      this.refused(error.message)
      session.reply.error(error.message)
    }
    session.database = database
    session.retrying = false
    if (session.stillWaiting) return
    wait.cancel()
    member.woken()
  }

  // Publish and subscribe

  publish(channel: string, message: string): number {
    let count = 0
    for (const session of this.channels.get(channel) ?? []) {
      push(session, ['message', channel, message])
      this.members.get(session.id)?.wrote()
      count++
    }
    for (const [pattern, sessions] of this.patterns) {
      if (!matches(pattern, channel)) continue
      for (const session of sessions) {
        push(session, ['pmessage', pattern, channel, message])
        this.members.get(session.id)?.wrote()
        count++
      }
    }
    return count
  }

  /** Keyspace notifications: `kind` is the letter of the class in notify-keyspace-events. */
  notify(event: string, kind: string, database: number, key: string): void {
    if (!this.notifies) return
    const flags = this.config.get('notify-keyspace-events')!
    const all = flags.includes('A') && kind !== 'm' && kind !== 'n'
    if (!all && !flags.includes(kind)) return
    if (flags.includes('K')) this.publish(`__keyspace@${database}__:${key}`, event)
    if (flags.includes('E')) this.publish(`__keyevent@${database}__:${event}`, key)
  }

  /** An error reply leaves: counted by its code, for INFO. */
  refused(text: string): void {
    const code = text.slice(0, text.indexOf(' '))
    this.errorCounts.set(code, (this.errorCounts.get(code) ?? 0) + 1)
  }

  countsOf(command: Command): Counts {
    let counts = this.#countsByIndex[command.index]
    if (counts === undefined) {
      counts = { calls: 0, rejected: 0, failed: 0 }
      while (this.#countsByIndex.length <= command.index) this.#countsByIndex.push(undefined)
      this.#countsByIndex[command.index] = counts
      this.counts.set(command.name, counts)
    }
    return counts
  }

  resetCounts(): void {
    this.counts.clear()
    this.#countsByIndex.length = 0
    this.errorCounts.clear()
  }
}

function push(session: Session, parts: readonly string[]): void {
  session.reply.push(parts.length)
  for (const part of parts) session.reply.bulk(part)
}
