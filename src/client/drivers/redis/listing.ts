/** Which streams there are: the client's own by their names, those of others as they are. */

import type { Listed, Listing } from '../../driver.ts'
import type { Link } from './link.ts'
import { keyOf } from './names.ts'

const scanCount = 1000
/** A keyspace may be large, and a look at it is not the broker's work. */
const metasCount = 500
const scansMax = 1000
const foundMax = 10_000
/** `{NAME}:k0` and the like belong to NAME. */
const partPattern = /^\{(.+)\}:/

export async function listStreams(link: Link): Promise<Listing> {
  const names = new Set<string>()
  let cursor = '0'
  let scans = 0
  do {
    const scan = ['SCAN', cursor, 'COUNT', String(scanCount), 'TYPE', 'stream']
    const [next, keys] = (await link.command(scan)) as [string, string[]]
    for (const key of keys) names.add(partPattern.exec(key)?.[1] ?? key)
    cursor = next
    scans++
  } while (cursor !== '0' && scans < scansMax && names.size < foundMax)
  const found: Listed[] = []
  let foreign = 0
  const sorted = [...names].sort().slice(0, foundMax)
  for (let at = 0; at < sorted.length; at += metasCount) {
    const some = sorted.slice(at, at + metasCount)
    const metas = await Promise.all(
      some.map(name => link.command(['HMGET', keyOf(name, 'meta'), 'kind', 'keyed'])),
    )
    for (const [index, meta] of metas.entries()) {
      const [kind, keyed] = meta as (string | null)[]
      if (kind === null) foreign++
      const name = some[index]!
      found.push({
        kind: kind === 'topic' ? 'topic' : 'queue',
        name,
        keyed: keyed === '1',
        options: {},
      })
    }
  }
  const notes: string[] = []
  if (cursor !== '0') notes.push('There are more keys than one look goes through: name the others.')
  if (foreign > 0) {
    notes.push(
      'A stream that no client of ours has made is read as a queue: looking into it gives it the group “spillway”.',
    )
  }
  return { found, notes }
}
