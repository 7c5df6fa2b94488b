/** The patterns' scenarios, as the tests run them. */

import { lines as patternsFile } from 'listing:src/simulator/scenarios/patterns.ts'
import type { CodeSet } from '../code-view.tsx'
import { partOf } from './part.ts'
import { workerCode } from './worker.ts'

/** A pattern as the tests run it, then the worker. */
export function patternCode(id: string): CodeSet {
  const lines = partOf(patternsFile, '  pattern(', `'${id}',`)
  return [
    { id: 'scenario', title: 'Scenario', file: 'src/simulator/scenarios/patterns.ts', lines },
    ...workerCode,
  ]
}
