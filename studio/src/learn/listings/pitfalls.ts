/** The pitfalls' scenarios, as the tests run them. */

import { lines as pitfallsFile } from 'listing:src/simulator/scenarios/pitfalls.ts'
import type { CodeSet } from '../code-view.tsx'
import { partOf } from './part.ts'
import { workerCode } from './worker.ts'

/** A pitfall as the tests run it, then the worker that it is about. */
export function pitfallCode(id: string): CodeSet {
  const lines = partOf(pitfallsFile, '  pitfall({', `id: '${id}'`)
  const shown = {
    id: 'scenario',
    title: 'Scenario',
    file: 'src/simulator/scenarios/pitfalls.ts',
    lines,
  }
  return [{ ...shown, marks: { fixed: 'fixed' } }, ...workerCode]
}
