/**
 * Chooses the next operation: mostly sensible in the light of what the model holds, sometimes not,
 * so that refusals are tried as well. What it may choose, and how often, is the swarm's business.
 */

import type { SeededRandom } from '../../src/base/random.ts'
import type { LeaseTarget } from '../../src/engine/engine.ts'
import {
  type Binding,
  defaultLog,
  defaultQueue,
  type LogConfig,
  type QueueConfig,
  type RouteConfig,
  type RouteKind,
  type Settlement,
} from '../../src/engine/model.ts'
import { type Model, type ModelLog, turnsMax } from './model.ts'
import { isSortedBy } from './model-reading.ts'
import type {
  Draft,
  Operation,
  OperationKind,
  ReadDraft,
  SubscriberDraft,
  TrimWhat,
  Verb,
} from './operations.ts'
import type { Feature, Swarm } from './swarm.ts'

const holders = ['ann', 'ben', 'cem', 'dot'] as const
const words = ['a', 'b', 'c'] as const
/** The queue whose levels may take turns, and the one whose ordering groups may. */
const turnsQueue = 'q1'
const prefixesQueue = 'q2'
const batchVerbs = ['publish', 'append', 'settle', 'commit', 'lease', 'put'] as const

export class Workload {
  readonly #random: SeededRandom
  readonly #swarm: Swarm
  readonly #kinds: readonly OperationKind[]
  readonly #weights: readonly number[]
  #records = 0

  constructor(random: SeededRandom, swarm: Swarm) {
    this.#random = random
    this.#swarm = swarm
    this.#kinds = [...swarm.weights.keys()]
    this.#weights = [...swarm.weights.values()]
  }

  next(model: Model): Operation {
    for (;;) {
      const kind = this.#kinds[this.#random.weighted(this.#weights)]!
      const operation = this.#make(kind, model)
      if (operation !== undefined) return operation
    }
  }

  /** Most of what a run will need, so that it does not begin with a hundred refusals. */
  begin(): Operation[] {
    const { queues, logs, routes } = this.#swarm
    const all: Operation[] = []
    const some = (count: number, make: (name: number) => Operation) => {
      for (let name = 1; name <= count; name++) if (this.#random.chance(0.9)) all.push(make(name))
    }
    some(routes, name => ({ do: 'create-route', name: `x${name}`, config: this.#routeConfig() }))
    some(queues, name => this.#createQueue(`q${name}`))
    some(logs, name => ({ do: 'create-log', name: `l${name}`, config: this.#logConfig(false) }))
    some(routes * 2, () => ({ do: 'bind', binding: this.#binding() }))
    some(this.#swarm.has.has('readerGroups') ? logs : 0, name => {
      return { do: 'create-group', log: `l${name}`, group: 'read1', from: 'first' }
    })
    return all
  }

  /** How a subscriber settles what it was just handed, or undefined: not now. */
  settlementAtOnce(subscriber: SubscriberDraft): Settlement | undefined {
    return this.#random.chance(subscriber.settlesAtOnce) ? this.#settlement() : undefined
  }

  /** What else a subscriber does from inside `deliver`, or undefined: nothing. */
  breakOff(
    queue: string,
    { holder, breaksOff }: SubscriberDraft,
  ): Extract<Operation, { do: 'pause' | 'resume' | 'cancel' | 'drop-log' }> | undefined {
    if (!this.#random.chance(breaksOff)) return undefined
    const what = this.#random.pick(['pause', 'cancel', 'cancel', 'drop-log'] as const)
    return what === 'drop-log' ? { do: what, name: queue, unless: {} } : { do: what, queue, holder }
  }

  #make(kind: OperationKind, model: Model): Operation | undefined {
    const random = this.#random
    switch (kind) {
      case 'batch': {
        const verbs: Verb[] = []
        for (let left = random.between(1, 5); left > 0; left--) {
          const verb = this.#makeVerb(random.pick(batchVerbs), model)
          if (verb !== undefined) verbs.push(verb)
        }
        return { do: 'batch', verbs }
      }
      case 'subscribe': {
        const queue = this.#queueName()
        // A hand-over of many at once leaves open which of the groups came first.
        if (queue === prefixesQueue && this.#swarm.has.has('prefixes')) return undefined
        return { do: kind, queue, subscriber: this.#subscriber() }
      }
      case 'grant':
      case 'pause':
      case 'resume':
      case 'cancel': {
        const log = this.#some([...model.logs.values()].filter(log => log.subscribers.length > 0))
        if (log === undefined) return undefined
        const { holder } = random.pick(log.subscribers)
        if (kind !== 'grant') return { do: kind, queue: log.name, holder }
        return { do: kind, queue: log.name, holder, count: random.between(1, 4) }
      }
      case 'advance':
        return { do: kind, ms: random.pick([0, 1, 1, 5, 5, 20, 100, 100, 1000, 10_000]) }
      case 'step-wall':
        return { do: kind, ms: random.pick([-60_000, -500, 500, 60_000]) }
      case 'watch':
        return { do: kind, log: this.#anyLogName(), position: random.below(40) }
      case 'turn':
      case 'reopen':
      case 'kill':
      case 'crash':
        return { do: kind }
      case 'fail-call':
        return { do: kind, inCalls: random.between(1, 12), code: random.pick(['EIO', 'ENOSPC']) }
      case 'free-bytes':
        return { do: kind, bytes: random.pick([0, 500, 5000, 1e9, 1e9]) }
      default:
        return this.#makeVerb(kind, model)
    }
  }

  #makeVerb(kind: OperationKind, model: Model): Verb | undefined {
    const random = this.#random
    switch (kind) {
      case 'create-log':
        return random.chance(this.#swarm.logs / (this.#swarm.logs + this.#swarm.queues))
          ? { do: kind, name: this.#plainLogName(), config: this.#logConfig(false) }
          : this.#createQueue(this.#queueName())
      case 'create-route':
        return { do: kind, name: this.#routeName(), config: this.#routeConfig() }
      case 'alter': {
        const log = this.#someLog(model)
        if (log === undefined) return undefined
        // What is remembered beyond a window that changes is not specified.
        const isQueue = log.config.queue !== undefined
        const { dedupeWindowMs: _window, ...config } = this.#logConfig(isQueue, log.name)
        return { do: kind, name: log.name, config }
      }
      case 'drop-log':
        return { do: kind, name: this.#anyLogName(), unless: this.#unless() }
      case 'drop-route':
        return { do: kind, name: this.#routeName(), unless: { used: random.chance(0.3) } }
      case 'bind':
        return { do: kind, binding: this.#binding() }
      case 'unbind': {
        const route = this.#some(
          [...model.routes.values()].filter(some => some.bindings.length > 0),
        )
        if (route === undefined || random.chance(0.1)) return { do: kind, binding: this.#binding() }
        return { do: kind, binding: random.pick(route.bindings) }
      }
      case 'publish': {
        const keys = [this.#key()]
        while (random.chance(0.15)) keys.push(this.#key())
        if (random.chance(0.25)) keys[0] = this.#queueName()
        const route = random.chance(0.25) ? '' : this.#routeName()
        return { do: kind, route, keys, record: this.#draft(keys[0]) }
      }
      case 'append': {
        const records = [this.#draft(undefined)]
        while (random.chance(0.35)) records.push(this.#draft(undefined))
        return { do: kind, log: this.#anyLogName(), records }
      }
      case 'create-table':
        return { do: kind, name: this.#tableName(), durable: !this.#has('volatileLogs', 0.3) }
      case 'drop-table':
        return { do: kind, name: this.#tableName() }
      case 'put': {
        const changes: [string, string | undefined][] = []
        do {
          const value = random.chance(0.2) ? undefined : `v${random.below(1000)}`
          changes.push([`f${random.below(6)}`, value])
        } while (random.chance(0.4))
        return { do: kind, table: this.#tableName(), changes, lazy: random.chance(0.3) }
      }
      case 'pause-queue': {
        const log = this.#someLog(model)
        if (log === undefined) return undefined
        return { do: kind, log: log.name, paused: !log.isPaused }
      }
      case 'trim': {
        const log = this.#someLog(model)
        return log === undefined ? undefined : { do: kind, log: log.name, what: this.#trim(log) }
      }
      case 'read': {
        const log = this.#someLog(model)
        if (log === undefined) return undefined
        const bytesMax = random.pick([0, 100, 1e9])
        return {
          do: kind,
          log: log.name,
          from: this.#readFrom(log),
          countMax: random.pick([0, 1, 3, 100]),
          bytesMax,
        }
      }
      case 'standings': {
        const log = this.#someLog(model)
        if (log === undefined) return undefined
        const positions = [random.below(40)]
        while (random.chance(0.6)) positions.push(random.below(log.next + 1))
        return { do: kind, log: log.name, positions }
      }
      default:
        return this.#makeReading(kind, model)
    }
  }

  /** The verbs of those who read: leases, settlements, places. */
  #makeReading(kind: OperationKind, model: Model): Verb | undefined {
    const random = this.#random
    switch (kind) {
      case 'create-group':
        return {
          do: kind,
          log: this.#plainLogName(),
          group: this.#groupName(),
          from: random.pick(['first', 'next', random.below(30)] as const),
        }
      case 'drop-group':
        return { do: kind, log: this.#plainLogName(), group: this.#groupName() }
      case 'lease':
        return {
          do: kind,
          target: this.#target(model),
          holder: random.pick(holders),
          countMax: random.pick([1, 1, 2, 5, 100]),
          leaseMs: random.pick([undefined, undefined, 50, 5000]),
          settled: random.chance(0.15),
        }
      case 'settle': {
        const held = this.#held(model)
        if (held === undefined) return undefined
        const { target, holder, positions } = held
        const odd = random.chance(0.05)
        return {
          do: kind,
          target,
          holder: odd ? random.pick(holders) : holder,
          positions: odd ? [...positions, random.below(50)] : positions,
          settlement: this.#settlement(),
        }
      }
      case 'extend': {
        const held = this.#held(model)
        if (held === undefined) return undefined
        return { do: kind, target: held.target, positions: held.positions, change: this.#change() }
      }
      case 'commit': {
        const log = this.#some([...model.logs.values()].filter(some => some.groups.size > 0))
        if (log === undefined) return undefined
        return {
          do: kind,
          log: log.name,
          group: random.pick([...log.groups.keys()]),
          cursor: random.below(log.next + 2),
          metadata: random.chance(0.3) ? `m${random.below(9)}` : undefined,
        }
      }
      default:
        return undefined
    }
  }

  #change(): { leaseMs?: number; holder?: string; counted?: boolean; idleMinMs?: number } {
    const random = this.#random
    const isClaim = random.chance(0.5)
    return {
      ...(random.chance(0.7) ? { leaseMs: random.pick([10, 500, 20_000]) } : {}),
      ...(isClaim ? { holder: random.pick(holders) } : {}),
      ...(isClaim && random.chance(0.5) ? { counted: random.chance(0.5) } : {}),
      ...(random.chance(0.2) ? { idleMinMs: random.pick([0, 100, 10_000]) } : {}),
    }
  }

  /** Records that one holder has, of one queue or group. */
  #held(model: Model): { target: LeaseTarget; holder: string; positions: number[] } | undefined {
    const random = this.#random
    const choices: { target: LeaseTarget; holder: string; positions: number[] }[] = []
    const add = (target: LeaseTarget, all: readonly { holder: string; position: number }[]) => {
      for (const holder of holders) {
        const positions = all.filter(one => one.holder === holder).map(one => one.position)
        if (positions.length > 0) choices.push({ target, holder, positions })
      }
    }
    for (const log of model.logs.values()) {
      add(
        { log: log.name },
        log.records.filter(record => record.state === 'leased'),
      )
      for (const group of log.groups.values()) {
        add({ log: log.name, group: group.name }, group.pending)
      }
    }
    const choice = this.#some(choices)
    if (choice === undefined) return undefined
    const count = random.chance(0.4) ? choice.positions.length : 1
    const from = random.below(choice.positions.length - count + 1)
    return { ...choice, positions: choice.positions.slice(from, from + count) }
  }

  #settlement(): Settlement {
    const random = this.#random
    switch (random.weighted([6, 3, 1])) {
      case 0:
        return { kind: 'done' }
      case 1:
        return {
          kind: 'return',
          ...(random.chance(0.3) ? { to: random.pick(['place', 'tail'] as const) } : {}),
          ...(random.chance(0.3) ? { delayMs: random.pick([1, 50, 3000]) } : {}),
          ...(random.chance(0.3) ? { counted: random.chance(0.5) } : {}),
        }
      default:
        return { kind: 'reject' }
    }
  }

  #target(model: Model): LeaseTarget {
    const random = this.#random
    const log = this.#some([...model.logs.values()].filter(some => some.groups.size > 0))
    if (log !== undefined && random.chance(0.3)) {
      return { log: log.name, group: random.pick([...log.groups.keys()]) }
    }
    return random.chance(0.03) ? { log: this.#plainLogName() } : { log: this.#queueName() }
  }

  #readFrom(log: ModelLog): ReadDraft {
    const random = this.#random
    const position = random.between(0, log.next + 2)
    const some = this.#some(log.records)
    const choices: ReadDraft[] = [{ position }, { before: position }]
    if (some !== undefined && isSortedBy(log, 'time')) {
      choices.push({ time: some.time + random.pick([-1, 0, 0, 1]) })
    }
    if (some !== undefined && isSortedBy(log, 'key')) {
      choices.push({ key: random.chance(0.8) ? some.keys[0]! : 'b' })
    }
    return random.pick(choices)
  }

  #trim(log: ModelLog): TrimWhat {
    const random = this.#random
    const some = log.records.filter(() => random.chance(0.2)).map(record => record.position)
    return random.pick<() => TrimWhat>([
      () => ({ before: random.between(Math.max(0, log.first - 2), log.next + 1) }),
      () => ({ countMax: random.below(10) }),
      () => ({ bytesMax: random.below(2000) }),
      () => ({ positions: some }),
      () => ({ ready: true }),
    ])()
  }

  #draft(key: string | undefined): Draft {
    const random = this.#random
    const id = `r${++this.#records}`
    const large = this.#has('largeBodies', 0.1) ? random.pick([3000, 70_000, 600_000]) : 0
    return {
      id,
      bodyBytes: id.length + 1 + (large || random.below(60)),
      ...(key === undefined ? this.#ownKey(id) : { key }),
      ...(this.#has('spans', 0.4) ? { span: random.between(2, 5) } : {}),
      ...(this.#hasGroups() ? { group: random.pick(['g1', 'g2', 'g3']) } : {}),
      ...(this.#has('dedupe', 0.5) ? { dedupeId: `d${random.below(12)}` } : {}),
      ...(this.#hasPriorities() ? { priority: random.below(12) } : {}),
      // A record without any time to live goes to who waits in one turn, which the model does not
      // see; the engine's own tests have it.
      ...(this.#has('ttl', 0.4) ? { ttlMs: random.pick([1, 5, 100, 5000]) } : {}),
      ...(this.#has('delay', 0.3) ? { dueInMs: random.pick([-5, 0, 5, 200, 5000]) } : {}),
      ...(this.#has('transient', 0.3) ? { transient: true } : {}),
      ...(this.#has('attributes', 0.5)
        ? { attributes: { colour: random.pick(words), size: 3 } }
        : {}),
    }
  }

  /** Of a record that is appended: one that rises from record to record, or one of a few. */
  #ownKey(id: string): { key?: string } {
    if (this.#swarm.has.has('sortedKeys')) return { key: id.slice(1).padStart(6, '0') }
    return this.#has('compaction', 0.8) ? { key: this.#random.pick(words) } : {}
  }

  #subscriber(): SubscriberDraft {
    const random = this.#random
    return {
      holder: random.pick(holders),
      priority: random.chance(0.2) ? random.below(3) : 0,
      credit: random.pick([0, 1, 2, 10, Number.POSITIVE_INFINITY]),
      exclusive: random.chance(0.06),
      settled: random.chance(0.15),
      leaseMs: random.chance(0.2) ? random.pick([20, 2000]) : undefined,
      settlesAtOnce: random.pick([0, 0.3, 1]),
      breaksOff: this.#has('breakingOff', 0.6) ? 0.2 : 0,
    }
  }

  #createQueue(name: string): Extract<Verb, { do: 'create-log' }> {
    return { do: 'create-log', name, config: this.#logConfig(true, name) }
  }

  #logConfig(isQueue: boolean, name = ''): Partial<LogConfig> {
    const random = this.#random
    return {
      ...(this.#has('volatileLogs', 0.3) ? { durable: false } : {}),
      ...(this.#has('autoDrop', 0.3) ? { autoDrop: true } : {}),
      ...(this.#has('idle', 0.3) ? { idleMs: random.pick([500, 20_000]) } : {}),
      ...(this.#has('dedupe', 0.7) ? { dedupeWindowMs: random.pick([50, 10_000]) } : {}),
      ...(isQueue ? {} : this.#keeping()),
      queue: isQueue ? this.#queueConfig(name) : undefined,
    }
  }

  /** By age and size, or by key; which of both took a record could not be told. */
  #keeping(): Partial<LogConfig> {
    if (this.#has('compaction', 0.6)) return { compact: true, retention: defaultLog.retention }
    if (!this.#has('retention', 0.6)) return {}
    return { compact: false, retention: this.#retention() }
  }

  #retention(): LogConfig['retention'] {
    const random = this.#random
    return {
      ageMs: random.chance(0.3) ? random.pick([100, 10_000]) : undefined,
      bytes: random.chance(0.3) ? random.pick([100, 3000]) : undefined,
      count: random.chance(0.4) ? random.pick([0, 1, 10]) : undefined,
    }
  }

  #queueConfig(name: string): QueueConfig {
    const random = this.#random
    const hasPrefixes = name === prefixesQueue && this.#swarm.has.has('prefixes')
    const isGrouped = hasPrefixes || this.#has('groups', 0.6)
    // In one queue only: whose turn it is after a restart nobody knows, so all are thought through.
    const isTaking = !isGrouped && name === turnsQueue && this.#has('turns', 0.8)
    const turns = { priority: random.pick([1, 4]), upper: random.between(1, turnsMax) }
    return {
      ...defaultQueue,
      levels: !isGrouped && this.#has('priorities', 0.7) ? random.pick([2, 5, 10]) : 1,
      ...(isTaking ? { levels: 2, turns } : this.#has('turns', 0.7) ? { turns: undefined } : {}),
      ttlMs: this.#has('queueTtl', 0.4) ? random.pick([1, 50, 5000]) : undefined,
      countMax: this.#has('countMax', 0.4) ? random.pick([0, 1, 5, 20]) : undefined,
      bytesMax: this.#has('bytesMax', 0.4) ? random.pick([10, 300]) : undefined,
      // Which group's turn it is, and so which record is shed, is the engine's choice.
      ...(hasPrefixes ? { countMax: undefined, bytesMax: undefined } : {}),
      overflow: this.#has('rejectOverflow', 0.6)
        ? random.pick(['reject', 'reject-dead-letter'])
        : 'drop-head',
      deadLetter: this.#has('deadLetters', 0.6) ? this.#deadLetter() : undefined,
      attemptsMax: this.#has('attemptsMax', 0.5) ? random.between(1, 3) : undefined,
      ordering: hasPrefixes ? 'group-prefix' : isGrouped ? 'group' : 'none',
      singleActive: this.#has('singleActive', 0.4),
      retry: this.#has('retry', 0.4) ? { minMs: 10, maxMs: 1000, factor: 2 } : undefined,
      leaseMs: random.chance(0.2) ? random.pick([30, 3000]) : undefined,
    }
  }

  #deadLetter(): NonNullable<QueueConfig['deadLetter']> {
    const random = this.#random
    if (random.chance(0.5)) return { route: '', key: this.#queueName() }
    return { route: this.#routeName(), key: random.chance(0.5) ? this.#key() : undefined }
  }

  #routeConfig(): Partial<RouteConfig> {
    const random = this.#random
    const kinds: RouteKind[] = ['direct', 'fan-out']
    if (this.#swarm.has.has('patterns')) kinds.push('pattern')
    if (this.#swarm.has.has('attributes')) kinds.push('attributes')
    if (this.#swarm.has.has('hashRoutes')) kinds.push('hash')
    return {
      kind: random.pick(kinds),
      ...(this.#has('alternate', 0.4) ? { alternate: this.#routeName() } : {}),
      ...(this.#has('autoDrop', 0.2) ? { autoDrop: true } : {}),
      ...(this.#has('volatileLogs', 0.3) ? { durable: false } : {}),
    }
  }

  #binding(): Binding {
    const random = this.#random
    const toRoute = random.chance(0.15)
    const name = toRoute ? this.#routeName() : this.#anyLogName()
    return {
      route: this.#routeName(),
      target: { kind: toRoute ? 'route' : 'log', name },
      key: this.#has('patterns', 0.6) ? this.#pattern() : this.#key(),
      ...(this.#has('attributes', 0.6)
        ? {
            attributes: {
              mode: random.pick(['all', 'any'] as const),
              match: {
                colour: random.pick([...words, null]),
                ...(random.chance(0.4) ? { size: 3 } : {}),
              },
            },
          }
        : {}),
      ...(random.chance(0.1) ? { labels: { by: random.pick(words) } } : {}),
    }
  }

  #key(): string {
    const parts = [this.#random.pick(words)]
    while (this.#random.chance(0.3)) parts.push(this.#random.pick(words))
    return parts.join('.')
  }

  #pattern(): string {
    const parts: string[] = []
    do parts.push(this.#random.pick([...words, '*', '#']))
    while (this.#random.chance(0.4))
    return parts.join('.')
  }

  #unless(): { used?: boolean; filled?: boolean } {
    return { used: this.#random.chance(0.3), filled: this.#random.chance(0.3) }
  }

  #hasGroups(): boolean {
    return this.#has('groups', 0.7) || this.#has('prefixes', 0.7)
  }

  #hasPriorities(): boolean {
    return this.#has('priorities', 0.7) || this.#has('turns', 0.7)
  }

  #has(feature: Feature, chance: number): boolean {
    return this.#swarm.has.has(feature) && this.#random.chance(chance)
  }

  #queueName(): string {
    return `q${this.#random.between(1, this.#swarm.queues)}`
  }

  #plainLogName(): string {
    return `l${this.#random.between(1, Math.max(1, this.#swarm.logs))}`
  }

  #anyLogName(): string {
    return this.#swarm.logs > 0 && this.#random.chance(0.3)
      ? this.#plainLogName()
      : this.#queueName()
  }

  #routeName(): string {
    return `x${this.#random.between(1, Math.max(1, this.#swarm.routes))}`
  }

  #tableName(): string {
    return `t${this.#random.between(1, 2)}`
  }

  #groupName(): string {
    return `read${this.#random.between(1, 2)}`
  }

  #someLog(model: Model): ModelLog | undefined {
    return this.#some([...model.logs.values()])
  }

  #some<T>(items: readonly T[]): T | undefined {
    return items.length === 0 ? undefined : this.#random.pick(items)
  }
}
