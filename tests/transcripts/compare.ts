/** Performs a recorded scenario again and says what is different. */

import type { Address } from '../harness/raw-client.ts'
import { differences } from './differences.ts'
import { perform } from './perform.ts'
import type { Scenario } from './script.ts'
import { readTranscripts } from './store.ts'

const recorded = new Map(readTranscripts().map(each => [each.scenario, each.exchanges]))

/** Empty when all is as recorded, or differs as the table of differences says. */
export async function compareScenario(scenario: Scenario, address: Address): Promise<string[]> {
  const before = recorded.get(scenario.name)
  if (before === undefined) return ['was never recorded']
  const difference = differences.find(each => each.scenario === scenario.name)
  const mismatches: string[] = []
  const now = await perform(scenario, address)
  now.forEach(({ sent, answers }, index) => {
    if (before[index]?.sent !== sent) mismatches.push(`recorded for another step: ${sent}`)
    answers.forEach((answer, place) => {
      const then = before[index]?.answers[place] ?? 'nothing'
      const wanted = difference?.ours(then) ?? then
      if (answer !== wanted) mismatches.push(`${sent}\n  want ${wanted}\n  got  ${answer}`)
    })
  })
  return mismatches
}
