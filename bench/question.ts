/** What every question is made of. */

import type { RunningBroker } from '../tests/harness/broker.ts'
import type { Contender } from './peers.ts'

/** One figure that a case yields. */
export interface Figure {
  readonly name: string
  readonly unit: string
  readonly better: 'higher' | 'lower'
}

/** The figures' values in their order, and the load generator's own use of one processor. */
export interface Measurement {
  readonly values: readonly number[]
  readonly loadShare?: number
}

export interface Case {
  readonly name: string
  readonly figures: readonly Figure[]
  measure(broker: RunningBroker): Promise<Measurement>
}

export interface QuestionOptions {
  /** Fewer messages: a proof that it runs, not a figure to quote. */
  readonly quick: boolean
}

export interface Question {
  readonly name: string
  /** What is asked, and under which durability. */
  readonly title: string
  /** Who is asked; default: RabbitMQ and Spillway. */
  readonly contenders?: (only: string | undefined) => readonly Contender[]
  cases(options: QuestionOptions): readonly Case[]
}

/** A case that starts what it measures itself. */
export interface AloneCase {
  readonly name: string
  readonly figures: readonly Figure[]
  measure(): Promise<Measurement>
}

/** A question about Spillway alone: no peer can be asked the same. */
export interface AloneQuestion {
  readonly name: string
  readonly title: string
  /** Left out when no question is named: it takes long, or much of the disk. */
  readonly onlyByName?: boolean
  aloneCases(options: QuestionOptions): readonly AloneCase[]
}

export const perSecond: Figure = { name: 'rate', unit: 'messages/s', better: 'higher' }
