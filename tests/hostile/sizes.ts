/** How much of everything: seconds for every change, or minutes when somebody asks. */

import type { AttackSizes } from './attacks.ts'

export const quickSizes: AttackSizes = {
  mutatedFrames: 4000,
  silentConnections: 200,
  unreadBytes: 20_000_000,
  queues: 1000,
}

export const fullSizes: AttackSizes = {
  mutatedFrames: 1_000_000,
  silentConnections: 10_000,
  unreadBytes: 500_000_000,
  queues: 10_000,
}
