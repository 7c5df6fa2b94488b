/**
 * A log: its definition, the index of its records, and, where it has them, the settlement of each
 * record, its groups and the ids that it has seen. What other parts keep about a log while the
 * process runs, and forget with it, is its `traffic`.
 */

import type { Heap } from '../../base/heap.ts'
import type { LogConfig, Subscriber } from '../model.ts'
import { Dedupe } from './dedupe.ts'
import type { Group } from './group.ts'
import { Queue } from './queue.ts'
import { RecordIndex } from './record-index.ts'

/** A subscriber as the engine sees it. */
export interface Subscribed {
  readonly subscriber: Subscriber
  credit: number
  paused: boolean
  cancelled: boolean
}

export interface Watcher {
  /** `ready`: when the queue has something to hand out. */
  readonly position: number | 'ready'
  readonly wake: () => void
}

/** Volatile: nothing of it is journaled. */
export interface Traffic {
  /** Highest priority first; among equals the one whose turn it is. */
  subscribers: Subscribed[]
  watchers: Set<Watcher>
  appended: number
  delivered: number
  settled: number
  returned: number
  expired: number
  deadLettered: number
  dropped: number
  /** Monotonic milliseconds of the last use. */
  usedAt: number
  hadSubscriber: boolean
  /** Nothing is handed out. */
  paused: boolean
  /** Waits in the list of queues to hand out from. */
  dirty: boolean
  /** The earliest wake-up that is in the engine's heap for this log; Infinity: none. */
  armedAt: number
  /** Records from here on have not been offered to subscribers yet. */
  offeredNext: number
  /** The log by itself, for routing without an allocation. */
  readonly alone: readonly Log[]
  /** Records at the last compaction. */
  compactedNext: number
}

export class Log {
  readonly id: number
  readonly name: string
  config: LogConfig
  readonly index = new RecordIndex()
  /** Positions before it are gone for good. */
  first = 0
  /** Position of the next record. Never goes back (I4). */
  next = 0
  queue: Queue | undefined
  dedupe: Dedupe | undefined
  readonly groups = new Map<string, Group>()
  /** The newest file that holds records of this log, and the first of them. */
  tailFile = -1
  tailFileFirst = 0
  readonly traffic: Traffic

  constructor(id: number, name: string, config: LogConfig) {
    this.id = id
    this.name = name
    this.config = config
    this.queue = config.queue === undefined ? undefined : new Queue(config.queue, this.index)
    if (config.dedupeWindowMs !== undefined) this.dedupe = new Dedupe(config.dedupeWindowMs)
    this.traffic = {
      subscribers: [],
      watchers: new Set(),
      appended: 0,
      delivered: 0,
      settled: 0,
      returned: 0,
      expired: 0,
      deadLettered: 0,
      dropped: 0,
      usedAt: 0,
      hadSubscriber: false,
      paused: false,
      dirty: false,
      armedAt: Infinity,
      offeredNext: 0,
      alone: [this],
      compactedNext: 0,
    }
  }

  /** The definition changes; what the log holds stays. */
  alter(config: LogConfig, priorityOf: (position: number) => number): void {
    this.config = config
    if (config.dedupeWindowMs === undefined) this.dedupe = undefined
    else if (this.dedupe === undefined) this.dedupe = new Dedupe(config.dedupeWindowMs)
    else this.dedupe.windowMs = config.dedupeWindowMs
    if (this.queue === undefined || config.queue === undefined) return
    const { levels, turns } = this.queue.config
    if (levels !== config.queue.levels || turns?.priority !== config.queue.turns?.priority)
      this.queue.relevel(config.queue, priorityOf)
    else this.queue.config = config.queue
  }
}

/** Wake-ups of all logs: one heap, one timer. */
export type Wakeups = Heap<Log>
