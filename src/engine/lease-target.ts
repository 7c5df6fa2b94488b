/** What leases belong to, a queue or a group on a log, and the positions that a verb is given. */

import type { Core } from './core.ts'
import type { LeaseTarget } from './door.ts'
import { done, type Outcome, refused } from './errors.ts'
import type { Group } from './state/group.ts'
import type { Log } from './state/log.ts'

/** The queue or the group that a target names. */
export function leaseTargetOf(
  core: Core,
  target: LeaseTarget,
): Outcome<{ log: Log; group: Group | undefined }> {
  const log = core.state.logs.get(target.log)
  if (log === undefined) return refused('not-found', `there is no '${target.log}'`)
  if (target.group === undefined) {
    if (log.queue === undefined) return refused('wrong-kind', `${target.log} is not a queue`)
    return done({ log, group: undefined })
  }
  const group = log.groups.get(target.group)
  if (group === undefined) return refused('not-found', `there is no group '${target.group}'`)
  return done({ log, group })
}

/** Each position once. Nearly always they rise already, and nothing is copied. */
export function once(positions: readonly number[]): readonly number[] {
  for (let index = 1; index < positions.length; index++) {
    if (positions[index]! <= positions[index - 1]!) return [...new Set(positions)]
  }
  return positions
}
