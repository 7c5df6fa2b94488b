/**
 * The topics: their definitions in a table, their partitions as logs. A log that another protocol
 * made, and that is no queue, becomes a topic of one partition when it is first asked for.
 */

import type { EngineDoor } from '../../engine/engine.ts'
import type { Random } from '../../engine/ports.ts'
import { codes } from '../../wire/kafka/error-codes.ts'
import { errors, KafkaError } from './errors.ts'
import { limits } from './limits.ts'
import {
  type Configs,
  defaultRetentionMs,
  isTopicName,
  logConfigOf,
  logName,
  partitionOf,
  type WriteRules,
  writeRulesOf,
} from './mapping.ts'
import { Memory } from './memory.ts'

interface Definition {
  readonly id: string
  readonly partitions: number
  readonly configs: Configs
  /** Another protocol made it, and its rules go on. Rows of before do not say. */
  readonly isAdopted?: boolean
}

export interface Topic extends Definition {
  readonly name: string
  /** Names of its logs by partition. */
  readonly logs: readonly string[]
  /** Read from its configurations once, not for every batch. */
  readonly rules: WriteRules
}

export class Topics {
  readonly #engine: EngineDoor
  readonly #random: Random
  readonly #memory: Memory<Definition>
  /** Log → where it begins, when that is inside a batch: the engine cuts between batches. */
  readonly #starts: Memory<number>
  readonly #byName = new Map<string, Topic>()
  readonly #byId = new Map<string, Topic>()

  constructor(engine: EngineDoor, random: Random) {
    this.#engine = engine
    this.#random = random
    this.#memory = new Memory(engine, 'topics')
    this.#starts = new Memory(engine, 'starts')
    for (const [name, definition] of [...this.#memory.entries()]) {
      this.#unage(this.#recover(name, definition))
    }
  }

  /** Topics of before are asked whose they are, once. */
  #recover(name: string, definition: Definition): Topic {
    if (definition.isAdopted !== undefined) return this.#remember(name, definition)
    const config = this.#engine.log(name)?.config
    const hasOurAge = config?.retention.ageMs === defaultRetentionMs
    const isConfigured = Object.keys(definition.configs).length > 0
    const isLabelled = Object.keys(config?.labels ?? {}).length > 0
    const isAdopted = config !== undefined && (isLabelled || !(isConfigured || hasOurAge))
    return this.#define(name, { ...definition, isAdopted })
  }

  /** Age was a matter of the engine once. */
  #unage(topic: Topic): void {
    if (topic.isAdopted === true && topic.configs['retention.ms'] === undefined) return
    for (const log of topic.logs) {
      const retention = this.#engine.log(log)?.config.retention
      if (retention?.ageMs === undefined) continue
      this.#engine.alter(log, { retention: { ...retention, ageMs: undefined } })
    }
  }

  find(name: string): Topic | undefined {
    return this.#byName.get(name) ?? this.#adopt(name)
  }

  /** As `find`, without looking at what other protocols made. */
  known(name: string): Topic | undefined {
    return this.#byName.get(name)
  }

  /** Of those that are known. Topics may come and go while one goes through them. */
  names(): Iterable<string> {
    return this.#byName.keys()
  }

  byId(id: string): Topic | undefined {
    return this.#byId.get(id)
  }

  /** All of them, those that other protocols made included; by name. */
  list(): Topic[] {
    for (const log of this.#engine.logs()) if (partitionOf(log)?.partition === 0) this.find(log)
    return [...this.#byName.values()].sort((left, right) => (left.name < right.name ? -1 : 1))
  }

  /** Throws what is wrong with a definition. */
  check(name: string, partitions: number): void {
    if (!isTopicName(name)) {
      throw new KafkaError(codes.INVALID_TOPIC_EXCEPTION, `Topic name '${name}' is illegal.`)
    }
    if (this.find(name) !== undefined || this.#engine.log(name) !== undefined) {
      throw new KafkaError(codes.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`)
    }
    this.checkPartitions(partitions)
  }

  checkPartitions(partitions: number): void {
    if (partitions >= 1 && partitions <= limits.partitionsMax) return
    throw new KafkaError(
      codes.INVALID_PARTITIONS,
      `Number of partitions must be from 1 to ${limits.partitionsMax}.`,
    )
  }

  create(name: string, partitions: number, configs: Configs): Topic {
    this.check(name, partitions)
    return this.#engine.batch(() => {
      this.#createLogs(name, 0, partitions, configs)
      return this.#define(name, { id: this.#newId(), partitions, configs, isAdopted: false })
    })
  }

  grow(topic: Topic, partitions: number): void {
    this.checkPartitions(partitions)
    this.#engine.batch(() => {
      this.#createLogs(topic.name, topic.partitions, partitions, topic.configs)
      const { id, configs, isAdopted = false } = topic
      this.#define(topic.name, { id, partitions, configs, isAdopted })
    })
  }

  configure(topic: Topic, configs: Configs): void {
    this.#engine.batch(() => {
      const { id, partitions, isAdopted = false } = topic
      const keepsAge = isAdopted && configs['retention.ms'] === undefined
      for (const log of topic.logs) {
        const { retention, compact } = logConfigOf(configs)
        const ageMs = keepsAge ? this.#engine.log(log)?.config.retention.ageMs : undefined
        this.#engine.alter(log, { retention: { ...retention, ageMs }, compact })
      }
      this.#define(topic.name, { id, partitions, configs, isAdopted })
    })
  }

  remove(topic: Topic): void {
    this.#engine.batch(() => {
      for (const log of topic.logs) this.#engine.dropLog(log)
      this.#memory.put([topic.name, undefined])
      this.#starts.put(...topic.logs.map(log => [log, undefined] as const))
    })
    this.#byName.delete(topic.name)
    this.#byId.delete(topic.id)
  }

  /** The first offset that is left in a log whose first batch begins at `first`. */
  start(log: string, first: number): number {
    return Math.max(first, this.#starts.get(log) ?? 0)
  }

  /** Cuts a log off; the batch that reaches over the place is kept, and hidden up to it. */
  cut(log: string, before: number): void {
    const found = this.#engine.read(log, { position: before }, { countMax: 1, bytesMax: 1 })
    const kept = found.ok ? found.value[0]?.position : undefined
    this.#engine.batch(() => {
      this.#engine.trim(log, { before: kept ?? before })
      this.#starts.put([log, kept !== undefined && kept < before ? before : undefined])
    })
  }

  #createLogs(name: string, from: number, to: number, configs: Configs): void {
    for (let partition = from; partition < to; partition++) {
      const made = this.#engine.createLog(logName(name, partition), logConfigOf(configs))
      if (!made.ok) throw new KafkaError(errors[made.error], made.detail)
    }
  }

  #adopt(name: string): Topic | undefined {
    if (!isTopicName(name)) return undefined
    const log = this.#engine.log(name)
    if (log === undefined || log.config.queue !== undefined) return undefined
    return this.#define(name, { id: this.#newId(), partitions: 1, configs: {}, isAdopted: true })
  }

  #define(name: string, definition: Definition): Topic {
    this.#memory.put([name, definition])
    return this.#remember(name, definition)
  }

  #remember(name: string, definition: Definition): Topic {
    const logs = Array.from({ length: definition.partitions }, (_, index) => logName(name, index))
    const topic = { name, ...definition, logs, rules: writeRulesOf(definition.configs) }
    this.#byName.set(name, topic)
    this.#byId.set(definition.id, topic)
    return topic
  }

  #newId(): string {
    return Array.from({ length: 4 }, () =>
      this.#random.uint32().toString(16).padStart(8, '0'),
    ).join('')
  }
}
