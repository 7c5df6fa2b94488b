/**
 * A quiet disk before each measurement. A broker that answers before it syncs (Kafka's default,
 * Redis' `everysec`) leaves hundreds of megabytes in the page cache, which the system writes some
 * thirty seconds later: in the middle of the other one's run, whose every sync then waits behind
 * them. So all that waits is written first, at nobody's cost.
 */

import { execFile } from 'node:child_process'

/** Writes what the page cache holds, of all processes. Where there is no `sync`: nothing. */
export function settleDisk(): Promise<void> {
  return new Promise(resolve => execFile('sync', () => resolve()))
}
