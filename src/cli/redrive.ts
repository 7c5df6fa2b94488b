/** `spillway redrive QUEUE`: sends its dead letters back to it. */

import type { DeadLetter } from '../client/client.ts'
import { queueNamed, withBus } from './bus.ts'
import { onlyQueue } from './client.ts'
import type { Command } from './main.ts'

export const redrive: Command = async ({ settings, words, output }) => {
  const name = onlyQueue('redrive', words)
  const { error: wanted, dryRun, rate } = settings
  const where = ({ error }: DeadLetter): boolean => wanted === undefined || error.name === wanted
  const result = await withBus(settings.url, {}, async bus => {
    const queue = queueNamed(name, { keyed: settings.keyed })
    await bus.adopt(queue, { create: false })
    const letters = bus.dlq(queue)
    const limit = settings.count ?? Number.POSITIVE_INFINITY
    return letters.redrive({ where, limit, dryRun, ratePerSecond: rate })
  })
  if (settings.json) output.json(result)
  const what = dryRun ? `${result.matched} would be sent back` : `sent back ${result.redriven}`
  output.note(`looked at ${result.looked} dead letters of ${name}; ${what}`)
  return 0
}
