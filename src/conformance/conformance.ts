/**
 * The conformance suite of drivers, `spillway/conformance`: one list of cases, which mean the same
 * on every backend. It needs no test runner; whoever has one makes a test of each case.
 *
 *     for (const [number, one] of conformanceCases.entries()) {
 *       test(one.name, async t => {
 *         const outcome = await runCase(one, number, subject)
 *         if (outcome.kind === 'skipped') t.skip(outcome.reason)
 *       })
 *     }
 */

import { batchCases } from './batches.ts'
import { boxCases } from './boxes.ts'
import { consumingCases } from './consuming.ts'
import { deadLetterCases } from './dead-letters.ts'
import { keyCases } from './keys.ts'
import { replayCases } from './replays.ts'
import { requestCases } from './requests.ts'
import { retryCases } from './retries.ts'
import { sendingCases } from './sending.ts'
import { timingCases } from './timing.ts'
import { togetherCases } from './together.ts'
import { topicCases } from './topics.ts'
import { type Case, Skip, type Subject, Trial } from './trial.ts'

export type { Case, Subject } from './trial.ts'

export const conformanceCases: readonly Case[] = [
  ...sendingCases,
  ...consumingCases,
  ...batchCases,
  ...retryCases,
  ...deadLetterCases,
  ...keyCases,
  ...timingCases,
  ...topicCases,
  ...replayCases,
  ...requestCases,
  ...togetherCases,
  ...boxCases,
]

export type Outcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'skipped'; readonly reason: string }

/** Rejects when the case fails. */
export async function runCase(one: Case, number: number, subject: Subject): Promise<Outcome> {
  const trial = new Trial(subject, number)
  try {
    await trial.begin()
    await one.run(trial)
    return { kind: 'passed' }
  } catch (error) {
    if (error instanceof Skip) return { kind: 'skipped', reason: error.message }
    throw error
  } finally {
    await trial.end()
  }
}
