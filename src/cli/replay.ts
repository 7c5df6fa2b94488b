/** `spillway replay TOPIC --group GROUP`: its history again, for that group alone. */

import type { ReplayResult, SubscribeFrom } from '../client/client.ts'
import { topicNamed, withBus } from './bus.ts'
import { onlyQueue } from './client.ts'
import { exitCodes, usageFailure } from './failure.ts'
import type { Command } from './main.ts'
import type { Settings } from './options.ts'
import { progress, wholeNumber } from './progress.ts'

export const replay: Command = async ({ settings, words, output }) => {
  const name = onlyQueue('replay', words, 'topic')
  const { group, key, dryRun, newIds, rate, count } = settings
  if (group === undefined) {
    throw usageFailure('replay needs --group: whose handlers are to see the events again.')
  }
  const from = startOf(settings)
  const to = settings.until === undefined ? 'latest' : { timestamp: settings.until }
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const bar = progress(output, { label: 'replayed', total: count })
  const result = await withBus(settings.url, {}, async bus => {
    const topic = topicNamed(name)
    await bus.adopt(topic, { create: false })
    return bus.replay(topic, {
      group,
      from,
      to,
      key,
      limit: count,
      ratePerSecond: rate,
      newIds,
      dryRun,
      signal: stop.signal,
      onProgress: ({ replayed }) => bar.update(replayed),
    })
  }).finally(() => bar.end())
  if (settings.json) output.json(result)
  output.note(summary({ name, group, dryRun, isStopped: stop.signal.aborted }, result))
  return stop.signal.aborted ? exitCodes.interrupted : exitCodes.ok
}

function startOf({ since, position }: Settings): SubscribeFrom {
  if (since !== undefined && position !== undefined) {
    throw usageFailure('--since and --position are two ways to begin; give one of them.')
  }
  if (position !== undefined) return { position }
  return since === undefined ? 'earliest' : { timestamp: since }
}

function summary(
  call: {
    readonly name: string
    readonly group: string
    readonly dryRun: boolean
    readonly isStopped: boolean
  },
  { looked, matched, replayed, position }: ReplayResult,
): string {
  const { name, group, dryRun, isStopped } = call
  const seen = `looked at ${wholeNumber(looked)} events of ${name}`
  if (dryRun) return `${seen}; ${wholeNumber(matched)} would be replayed for ${group}`
  const done = `${seen}; replayed ${wholeNumber(replayed)} for ${group}`
  if (!isStopped) return done
  const start =
    position === undefined ? '' : `: --position ${position} goes on, with that one again`
  return `${done}; stopped${start}`
}
