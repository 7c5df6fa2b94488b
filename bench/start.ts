/** How long does a broker take until it serves, and what does it hold when it does nothing? */

import { residentBytes } from '../tests/harness/process.ts'
import { RawClient } from '../tests/harness/raw-client.ts'
import { contenders } from './peers.ts'
import type { Question } from './question.ts'

export const start: Question = {
  name: 'start',
  title:
    'start with an empty data folder: until the broker says that it is ready; memory when idle',
  cases: () => [
    {
      name: 'a new process',
      figures: [
        { name: 'ready', unit: 'ms', better: 'lower' },
        { name: 'resident, idle', unit: 'MB', better: 'lower' },
      ],
      measure: async ({ name }) => {
        const contender = contenders(name.toLowerCase()).at(0)
        if (contender === undefined) throw new Error(`${name} has gone`)
        const fresh = await contender.start()
        // A connection proves that ready means ready.
        const client = await RawClient.open(fresh)
        await client.close()
        const resident = (residentBytes(fresh.pid) ?? NaN) / 1e6
        await fresh.stop()
        return { values: [fresh.readyMs, resident] }
      },
    },
  ],
}
