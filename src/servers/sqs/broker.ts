/**
 * What all requests of one SQS server share: the options, the queues as SQS sees them, the table of
 * what must be remembered besides messages, and the little volatile state that is not the engine's.
 */

import { decodeUtf8, encodeUtf8 } from '../../base/bytes.ts'
import type { EngineDoor } from '../../engine/engine.ts'
import type { LogConfig, LogInfo } from '../../engine/model.ts'
import type { Clock, Random } from '../../engine/ports.ts'
import { md5 } from '../../wire/sqs/digest.ts'
import type { Hmac } from '../../wire/sqs/signature.ts'
import { fail, notFoundText, refuse } from './errors.ts'
import { Fairness } from './fairness.ts'
import { limits } from './limits.ts'
import {
  alteredInput,
  labelOf,
  type QueueLabel,
  type QueueView,
  redrivePolicyOf,
  viewOf,
} from './mapping.ts'
import type { MoveTasks } from './move-tasks.ts'
import type { Place } from './names.ts'

export interface SqsKey {
  readonly accessKey: string
  readonly secretKey: string
}

export interface SqsServerOptions {
  readonly engine: EngineDoor
  readonly clock: Clock
  /** For salts and holders. */
  readonly random: Random
  /** For signatures. */
  readonly hmac: Hmac
  readonly equalSecrets: (left: string, right: string) => boolean
  /** Set: every request must be signed with one of them. Otherwise anybody may come in. */
  readonly keys?: readonly SqsKey[] | undefined
  /** Default: 000000000000. */
  readonly account?: string | undefined
  /** Of queues that are made without a signature that names one. Default: us-east-1. */
  readonly region?: string | undefined
  /** What queue URLs begin with; default: what the request was sent to. */
  readonly baseUrl?: string | undefined
  /** How long after a delete or a purge the same is refused; default: 60 s, as AWS. 0: never. */
  readonly coolDownMs?: number | undefined
}

const tableName = 'sqs'

export class SqsBroker {
  readonly engine: EngineDoor
  readonly options: SqsServerOptions
  readonly place: Place
  readonly coolDownMs: number
  readonly firstReceives = new FirstReceives()
  readonly fairness = new Fairness()
  /** Requests in long polls. */
  readonly waiting = new Set<{ giveUp(): void }>()
  /** Set right after the broker is made: tasks need it. */
  moves!: MoveTasks
  readonly #views = new WeakMap<LogConfig, QueueView>()
  readonly #nonce: string
  #holders = 0

  constructor(options: SqsServerOptions) {
    this.engine = options.engine
    this.options = options
    this.place = {
      account: options.account ?? '000000000000',
      region: options.region ?? 'us-east-1',
    }
    this.coolDownMs = options.coolDownMs ?? limits.coolDownMs
    this.#nonce = options.random.uint32().toString(36)
    if (this.engine.table(tableName) === undefined) this.engine.createTable(tableName)
  }

  get now(): number {
    return this.options.clock.now()
  }

  // Queues

  /** Undefined: there is no such queue. */
  find(name: string): QueueView | undefined {
    const info = this.engine.glance(name)
    return info?.config.queue === undefined ? undefined : this.view(info)
  }

  queue(name: string): QueueView {
    return this.find(name) ?? fail('QueueDoesNotExist', notFoundText)
  }

  view(info: Pick<LogInfo, 'name' | 'config'>): QueueView {
    let view = this.#views.get(info.config)
    if (view === undefined) {
      const salt = md5(info.name)
      view = viewOf(info, labelOf(info.config, { salt, place: this.place }))
      this.#views.set(info.config, view)
    }
    return view
  }

  names(): string[] {
    const { engine } = this
    return engine.logs().filter(name => engine.glance(name)?.config.queue !== undefined)
  }

  /** Changes what SQS keeps with a queue, and what the engine does accordingly. */
  relabel(view: QueueView, change: Partial<QueueLabel>): void {
    const info = this.engine.glance(view.name)
    if (info === undefined) fail('QueueDoesNotExist', notFoundText)
    const label = { ...view.label, modifiedAt: this.now, ...change }
    const outcome = this.engine.alter(
      view.name,
      alteredInput(info.config, label, this.hasTarget(label)),
    )
    if (!outcome.ok) refuse(outcome.error, outcome.detail)
  }

  hasTarget(label: QueueLabel): boolean {
    const policy = redrivePolicyOf(label.attributes)
    return policy !== undefined && this.find(policy.target) !== undefined
  }

  /** Queues whose dead letters go to `target`. */
  sourcesOf(target: string): QueueView[] {
    return this.names().flatMap(name => {
      const view = this.find(name)
      if (view === undefined) return []
      return redrivePolicyOf(view.label.attributes)?.target === target ? [view] : []
    })
  }

  /** A dead-letter queue has come or gone: its sources send there, or keep what they have. */
  relinkSources(target: string): void {
    for (const source of this.sourcesOf(target)) this.relabel(source, {})
  }

  /** A new lease holder: no two receives have the same, not even after a restart. */
  nextHolder(): string {
    return `${this.#nonce}-${(++this.#holders).toString(36)}`
  }

  newSalt(): string {
    const { random } = this.options
    const word = () => random.uint32().toString(16).padStart(8, '0')
    return word() + word() + word() + word()
  }

  // What is remembered

  remember(field: string, value: unknown): void {
    const bytes = value === undefined ? undefined : encodeUtf8(JSON.stringify(value))
    const outcome = this.engine.put(tableName, [[field, bytes]])
    if (!outcome.ok) refuse(outcome.error, outcome.detail)
  }

  recall<T>(field: string): T | undefined {
    const bytes = this.engine.table(tableName)?.get(field)
    return bytes === undefined ? undefined : (JSON.parse(decodeUtf8(bytes)) as T)
  }

  recallAll<T>(prefix: string): [string, T][] {
    const found: [string, T][] = []
    for (const [field, bytes] of this.engine.table(tableName) ?? []) {
      if (field.startsWith(prefix)) found.push([field, JSON.parse(decodeUtf8(bytes)) as T])
    }
    return found
  }
}

/**
 * When messages were first received, as far as it is known: by the salt of the queue, and the
 * position. Of the queue that needs room, the oldest are forgotten first.
 */
export class FirstReceives {
  readonly #queues = new Map<string, Map<number, number>>()
  #size = 0

  note(salt: string, position: number, now: number): void {
    if (this.#size >= limits.firstReceivesMax) this.#forgetOldest(salt)
    let times = this.#queues.get(salt)
    if (times === undefined) {
      times = new Map()
      this.#queues.set(salt, times)
    }
    const before = times.size
    times.set(position, now)
    this.#size += times.size - before
  }

  of(salt: string, position: number): number | undefined {
    return this.#queues.get(salt)?.get(position)
  }

  forget(salt: string, position: number): void {
    const times = this.#queues.get(salt)
    if (times?.delete(position) !== true) return
    this.#size--
    if (times.size === 0) this.#queues.delete(salt)
  }

  #forgetOldest(salt: string): void {
    const [fallback] = this.#queues.keys()
    const from = this.#queues.has(salt) ? salt : fallback
    const [oldest] = this.#queues.get(from ?? '')?.keys() ?? []
    if (from !== undefined && oldest !== undefined) this.forget(from, oldest)
  }
}
