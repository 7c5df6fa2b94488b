/** `spillway move QUEUE [NEW-NAME] --from URL --to URL`: carries a queue to another backend. */

import { move as carry, type Depth } from '../client/client.ts'
import { queueNamed, withBus } from './bus.ts'
import { exitCodes, usageFailure } from './failure.ts'
import type { Command } from './main.ts'
import { progress } from './progress.ts'

export const move: Command = async ({ settings, words, output }) => {
  const [name, newName = name, rest] = words
  if (name === undefined || newName === undefined) throw usageFailure('move needs a queue.')
  if (rest !== undefined) throw usageFailure(`move takes one queue; “${rest}” is too much.`)
  const { from, to, keyed } = settings
  if (from === undefined || to === undefined) throw usageFailure('move needs --from and --to.')
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const bar = progress(output, { label: 'moved', total: settings.count })
  const source = queueNamed(name, { keyed })
  const target = queueNamed(newName, { keyed })
  const { moved, alreadyThere, possiblyTwice, depth } = await withBus(
    from,
    { flag: '--from' },
    bus =>
      withBus(to, { flag: '--to' }, async targetBus => {
        const result = await carry(
          { bus, queue: source },
          { bus: targetBus, queue: target },
          {
            limit: settings.count,
            signal: stop.signal,
            onProgress: ({ moved: count, possiblyTwice: again }) => {
              // Elsewhere each batch is a line: who kills it knows from there how far it was.
              if (output.isTerminal) bar.update(count)
              else output.note(`moved ${count}${again > 0 ? `, ${again} may be there twice` : ''}`)
            },
          },
        )
        return { ...result, depth: await bus.depth(source) }
      }),
  ).finally(() => bar.end())
  if (settings.json) output.json({ moved, alreadyThere, possiblyTwice })
  const again = `${alreadyThere} were there already, ${possiblyTwice} may be there twice`
  const end = stop.signal.aborted ? 'stopped; the same command goes on' : restOf(depth)
  output.note(`moved ${moved} from ${name} to ${newName}: ${again}; ${end}`)
  return stop.signal.aborted ? exitCodes.interrupted : exitCodes.ok
}

/** A run that was killed holds what it had taken until its leases end. */
function restOf({ ready, leased, delayed, approximate }: Depth): string {
  const about = approximate ? 'about ' : ''
  if (ready > 0) return `${about}${ready} are left; the same command goes on`
  const held = leased + delayed
  if (held === 0) return 'nothing is left'
  return `nothing is left to take, but ${about}${held} are held or delayed: run it again later`
}
