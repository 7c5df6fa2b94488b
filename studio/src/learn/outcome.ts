/**
 * Whole runs of a scenario, for figures beside it, in small pieces between frames: a run can be a
 * second of work, and a page that does it at once shows nothing and answers nobody until then.
 */

import { type Signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { LedgerCounts } from '../../../src/simulator/ledger.ts'
import type { Knobs, Scenario } from '../../../src/simulator/scenario.ts'
import { Simulation } from '../../../src/simulator/simulation.ts'

export interface Course {
  readonly scenario: Scenario
  readonly knobs?: Knobs
  readonly lengthMs: number
}

/** So much work at a time: a frame has room for it. */
const pieceMs = 8
/** Virtual time between two looks at the real one. */
const strideMs = 100

/** The ledgers at the end of each course, in order; undefined until all of them are there. */
export function useOutcomes(
  courses: readonly Course[],
): Signal<readonly LedgerCounts[] | undefined> {
  const outcomes = useSignal<readonly LedgerCounts[] | undefined>(undefined)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>
    const runs = runAll(courses)
    const work = (): void => {
      const until = performance.now() + pieceMs
      do {
        const { done, value } = runs.next()
        if (done === true) {
          outcomes.value = value
          return
        }
      } while (performance.now() < until)
      timer = setTimeout(work)
    }
    timer = setTimeout(work)
    return () => clearTimeout(timer)
  }, [])
  return outcomes
}

function* runAll(courses: readonly Course[]): Generator<undefined, readonly LedgerCounts[]> {
  const outcomes: LedgerCounts[] = []
  for (const { scenario, knobs, lengthMs } of courses) {
    const run = new Simulation(scenario, knobs === undefined ? {} : { knobs })
    while (run.now < lengthMs) {
      run.advance(Math.min(strideMs, lengthMs - run.now))
      yield undefined
    }
    outcomes.push(run.counts())
  }
  return outcomes
}
