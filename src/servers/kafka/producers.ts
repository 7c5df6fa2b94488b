/**
 * Idempotent producers: for each partition and producer the epoch and the last batches, so that a
 * repetition is answered with the first one's offset, and a gap is refused. Remembered in a table,
 * in the same effect as the batch itself.
 */

import type { EngineDoor } from '../../engine/engine.ts'
import { codes } from '../../wire/kafka/error-codes.ts'
import type { BatchView } from '../../wire/kafka/record-batch.ts'
import { limits } from './limits.ts'
import { Memory } from './memory.ts'

type Sequence = readonly [first: number, last: number, offset: number]

interface State {
  readonly epoch: number
  /** Oldest first. */
  readonly batches: readonly Sequence[]
}

export type Verdict =
  | { readonly kind: 'new' }
  | { readonly kind: 'duplicate'; readonly offset: number }
  | { readonly kind: 'refused'; readonly code: number }

const sequenceMax = 0x7fff_ffff

export class Producers {
  readonly #memory: Memory<State>
  readonly #counter: Memory<number>
  readonly #states = new Map<string, State>()

  constructor(engine: EngineDoor) {
    this.#memory = new Memory(engine, 'sequences')
    this.#counter = new Memory(engine, 'counters')
    for (const [field, state] of this.#memory.entries()) this.#states.set(field, state)
  }

  /** An id that was never given to anybody. */
  newId(): number {
    const next = this.#counter.get('producer') ?? 0
    this.#counter.put(['producer', next + 1])
    return next
  }

  judge(log: string, batch: BatchView): Verdict {
    const state = this.#states.get(fieldOf(log, batch.producerId))
    const { producerEpoch, baseSequence } = batch
    if (state === undefined) return { kind: 'new' }
    if (producerEpoch < state.epoch) {
      return { kind: 'refused', code: codes.INVALID_PRODUCER_EPOCH }
    }
    if (producerEpoch > state.epoch || state.batches.length === 0) {
      const isFirst = baseSequence === 0 || state.batches.length === 0
      if (isFirst) return { kind: 'new' }
      return { kind: 'refused', code: codes.OUT_OF_ORDER_SEQUENCE_NUMBER }
    }
    const last = advance(baseSequence, batch.lastOffsetDelta)
    for (const [first, end, offset] of state.batches) {
      if (first === baseSequence && end === last) return { kind: 'duplicate', offset }
    }
    const newest = state.batches[state.batches.length - 1]!
    if (baseSequence === advance(newest[1], 1)) return { kind: 'new' }
    const isOld = baseSequence <= newest[1] && last <= newest[1]
    return {
      kind: 'refused',
      code: isOld ? codes.DUPLICATE_SEQUENCE_NUMBER : codes.OUT_OF_ORDER_SEQUENCE_NUMBER,
    }
  }

  /** The batch has been appended at `offset`. */
  note(log: string, batch: BatchView, offset: number): void {
    const field = fieldOf(log, batch.producerId)
    const before = this.#states.get(field)
    const same = before !== undefined && before.epoch === batch.producerEpoch
    const last = advance(batch.baseSequence, batch.lastOffsetDelta)
    const kept = same ? before.batches.slice(1 - limits.batchesRemembered) : []
    const batches: Sequence[] = [...kept, [batch.baseSequence, last, offset]]
    this.#set(field, { epoch: batch.producerEpoch, batches })
  }

  /** A marker of this epoch has been written: older epochs are fenced, sequences begin anew. */
  fence(log: string, producerId: number, epoch: number): void {
    const field = fieldOf(log, producerId)
    const before = this.#states.get(field)
    if (before !== undefined && before.epoch >= epoch) return
    this.#set(field, { epoch, batches: [] })
  }

  forget(log: string): void {
    const fields = [...this.#states.keys()].filter(field => field.startsWith(`${log}\0`))
    for (const field of fields) this.#states.delete(field)
    this.#memory.put(...fields.map(field => [field, undefined] as const))
  }

  /** For pages: producers that have written to a log. */
  of(log: string): { producerId: number; epoch: number; lastSequence: number }[] {
    return [...this.#states]
      .filter(([field]) => field.startsWith(`${log}\0`))
      .map(([field, { epoch, batches }]) => ({
        producerId: Number(field.slice(log.length + 1)),
        epoch,
        lastSequence: batches[batches.length - 1]?.[1] ?? -1,
      }))
  }

  #set(field: string, state: State): void {
    this.#states.delete(field)
    this.#states.set(field, state)
    this.#memory.put([field, state])
    if (this.#states.size <= limits.producersMax) return
    const [oldest] = this.#states.keys()
    this.#states.delete(oldest!)
    this.#memory.put([oldest!, undefined])
  }
}

function fieldOf(log: string, producerId: number): string {
  return `${log}\0${producerId}`
}

/** Sequences go round after 2^31 − 1. */
function advance(sequence: number, by: number): number {
  const sum = sequence + by
  return sum > sequenceMax ? sum - sequenceMax - 1 : sum
}
