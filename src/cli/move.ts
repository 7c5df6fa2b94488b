/** `spillway move QUEUE [NEW-NAME] --from URL --to URL`: carries a queue to another backend. */

import { move as carry } from '../client/client.ts'
import { queueNamed, withBus } from './bus.ts'
import { exitCodes, usageFailure } from './failure.ts'
import type { Command } from './main.ts'

export const move: Command = async ({ settings, words, output }) => {
  const [name, newName = name, rest] = words
  if (name === undefined || newName === undefined) throw usageFailure('move needs a queue.')
  if (rest !== undefined) throw usageFailure(`move takes one queue; “${rest}” is too much.`)
  const { from, to, keyed } = settings
  if (from === undefined || to === undefined) throw usageFailure('move needs --from and --to.')
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const { moved, alreadyThere, possiblyTwice } = await withBus(from, { flag: '--from' }, source =>
    withBus(to, { flag: '--to' }, target =>
      carry(
        { bus: source, queue: queueNamed(name, { keyed }) },
        { bus: target, queue: queueNamed(newName, { keyed }) },
        {
          limit: settings.count,
          signal: stop.signal,
          onProgress: progress => output.note(`moved ${progress.moved}`),
        },
      ),
    ),
  )
  if (settings.json) output.json({ moved, alreadyThere, possiblyTwice })
  const again = `${alreadyThere} were there already, ${possiblyTwice} may be there twice`
  const end = stop.signal.aborted ? 'stopped; the same command goes on' : 'nothing is left'
  output.note(`moved ${moved} from ${name} to ${newName}: ${again}; ${end}`)
  return stop.signal.aborted ? exitCodes.interrupted : exitCodes.ok
}
