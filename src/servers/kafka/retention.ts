/**
 * The sweep for what need not be kept: retention by age and compaction.
 *
 * Age, as Kafka does it: looked after every few minutes, not as records come. A batch
 * is as old as its producer says, so what is written late would else be gone before it is read.
 *
 * A sweep goes through the partitions in slices, a few every second, and looks at each afresh:
 * topics may go, come and change meanwhile. What other protocols made keeps to their rules until a
 * Kafka client sets `retention.ms`.
 */

import type { EngineDoor } from '../../engine/engine.ts'
import type { Clock } from '../../engine/ports.ts'
import type { Deadlines } from './deadlines.ts'
import { limits } from './limits.ts'
import { ageLimitOf } from './mapping.ts'
import type { Topic, Topics } from './topics.ts'

/** What a slice has looked at. */
interface Slice {
  readonly records: number
  readonly bytes: number
  readonly isLast: boolean
}

type Compact = (topic: Topic, log: string) => Iterable<Omit<Slice, 'isLast'>>

const nothing: Slice = { records: 0, bytes: 0, isLast: true }

export class Retention {
  readonly #engine: EngineDoor
  readonly #clock: Clock
  readonly #topics: Topics
  readonly #stableEnd: (log: string, next: number) => number
  readonly #compact: Compact
  readonly #onFirst: (log: string, first: number) => void
  readonly #deadlines: Deadlines
  #sweep: Iterator<Slice> | undefined

  constructor(parts: {
    readonly engine: EngineDoor
    readonly clock: Clock
    readonly deadlines: Deadlines
    readonly topics: Topics
    readonly stableEnd: (log: string, next: number) => number
    /** Compacts a partition in slices, where its topic wants that. */
    readonly compact: Compact
    /** Told where each log begins: what is kept about earlier records may go. */
    readonly onFirst: (log: string, first: number) => void
  }) {
    this.#engine = parts.engine
    this.#clock = parts.clock
    this.#topics = parts.topics
    this.#stableEnd = parts.stableEnd
    this.#onFirst = parts.onFirst
    this.#compact = parts.compact
    this.#deadlines = parts.deadlines
    this.#beginLater()
  }

  #beginLater(): void {
    this.#deadlines.after(limits.retentionCheckMs, () => {
      // A sweep that takes longer than the time between two goes on, and no other begins.
      if (this.#sweep === undefined) {
        this.#sweep = this.#slices()
        this.#goOn()
      }
      this.#beginLater()
    })
  }

  #goOn(): void {
    if (this.#sweep === undefined) return
    let records = 0
    let bytes = 0
    while (records < limits.sweepRecordsMax && bytes < limits.sweepBytesMax) {
      const { done, value } = this.#sweep.next()
      if (done === true) {
        this.#sweep = undefined
        return
      }
      // A partition that has nothing to look at is work, too.
      records += Math.max(1, value.records)
      bytes += value.bytes
    }
    this.#deadlines.after(limits.sweepRestMs, () => this.#goOn())
  }

  *#slices(): Generator<Slice, undefined> {
    for (const name of this.#topics.names()) {
      let partition = 0
      for (;;) {
        const topic = this.#topics.known(name)
        const log = topic?.logs[partition]
        if (topic === undefined || log === undefined) break
        const slice = this.#slice(topic, log)
        yield slice
        if (!slice.isLast) continue
        for (const work of this.#compact(topic, log)) yield { ...work, isLast: true }
        partition++
      }
    }
  }

  /**
   * Cuts some of what is too old off the front of a log. Only what has been seen to have a
   * successor: the newest record stays. So does what may yet be aborted.
   */
  #slice(topic: Topic, log: string): Slice {
    const now = this.#engine.log(log)
    if (now !== undefined) this.#onFirst(log, now.first)
    const ageMs = ageLimitOf(topic.configs)
    const isTheirs = topic.isAdopted === true && topic.configs['retention.ms'] === undefined
    if (ageMs === undefined || isTheirs) return nothing
    const info = this.#engine.log(log)
    if (info === undefined || info.config.queue !== undefined) return nothing
    const oldest = this.#clock.now() - ageMs
    const end = this.#stableEnd(log, info.next)
    let { first: before, first: position } = info
    let records = 0
    let bytes = 0
    let isLast = false
    // Two at least: the first one goes only when there is a second.
    while (records < 2 || (records < limits.sliceRecordsMax && bytes < limits.sliceBytesMax)) {
      const found = this.#engine.read(log, { position }, { countMax: 1, bytesMax: 1 })
      const record = found.ok ? found.value[0] : undefined
      isLast = record === undefined || record.time >= oldest || record.position >= end
      if (record !== undefined) {
        records++
        bytes += record.body.length
        before = record.position
        position = record.position + record.span
      }
      if (isLast) break
    }
    if (records > 1) this.#engine.trim(log, { before })
    return { records, bytes, isLast }
  }
}
