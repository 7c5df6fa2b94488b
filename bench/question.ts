/** What every question is made of. */

import type { RunningBroker } from '../tests/harness/broker.ts'

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
  /** Left out when no question is named. */
  readonly onlyByName?: boolean
  cases(options: QuestionOptions): readonly Case[]
}

export const perSecond: Figure = { name: 'rate', unit: 'messages/s', better: 'higher' }
