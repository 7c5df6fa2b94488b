/** Runs the attacks one after the other beside a bystander, and watches the broker's memory. */

import type { RunningBroker } from '../harness/broker.ts'
import { residentBytes } from '../harness/process.ts'
import { pause } from '../harness/wait.ts'
import { type AttackContext, attacks } from './attacks.ts'
import { startBystander } from './bystander.ts'

export interface AttackResult {
  readonly name: string
  /** Undefined when the broker stood it. */
  readonly failure: string | undefined
  readonly residentMbMax: number
}

const residentMbMax = 500

export async function runAttacks(
  broker: RunningBroker,
  context: Omit<AttackContext, 'address'>,
  onResult: (result: AttackResult) => void = () => {},
): Promise<AttackResult[]> {
  const bystander = await startBystander(broker.url)
  let exited: string | undefined
  void broker.exited.then(how => {
    exited = how
  })
  const results: AttackResult[] = []
  for (const attack of attacks) {
    const memory = watchMemory(broker.pid)
    let failure: string | undefined
    try {
      await attack.run({ ...context, address: broker })
      await bystander.progress(3)
    } catch (error) {
      failure = (error as Error).message
    }
    const residentMb = memory.stop()
    if (exited !== undefined) failure = `the broker is gone (${exited}): ${broker.output()}`
    if (residentMb > residentMbMax) failure ??= `${residentMb} MB resident`
    const result = { name: attack.name, failure, residentMbMax: residentMb }
    results.push(result)
    onResult(result)
    if (exited !== undefined) break
  }
  if (exited === undefined) await bystander.stop()
  return results
}

/** The highest resident memory while something goes on. */
function watchMemory(pid: number): { stop(): number } {
  let highest = 0
  let watching = true
  const look = (): void => {
    highest = Math.max(highest, residentBytes(pid) ?? 0)
  }
  const loop = async (): Promise<void> => {
    while (watching) {
      look()
      await pause(20)
    }
  }
  void loop()
  return {
    stop: () => {
      watching = false
      look()
      return Math.round(highest / 1e6)
    },
  }
}
