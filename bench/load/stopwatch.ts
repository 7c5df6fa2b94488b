/** How long a load took, and how much of a processor the generator itself used meanwhile. */

import type { LoadResult } from './specification.ts'

/** Wall time and the generator's own processor time between two moments. */
export function startStopwatch(): (messages: number) => LoadResult {
  const startedAt = performance.now()
  const usageBefore = process.cpuUsage()
  return messages => {
    const elapsedMs = performance.now() - startedAt
    const usage = process.cpuUsage(usageBefore)
    return { messages, elapsedMs, processorShare: (usage.user + usage.system) / 1000 / elapsedMs }
  }
}
