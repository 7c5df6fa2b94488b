/** `spillway serve`: runs the broker until it is told to stop, or until it cannot go on. */

import { renameSync, rmSync, writeFileSync } from 'node:fs'
import type { Endpoint } from '../admin/contract.ts'
import { EngineFailure } from '../engine/errors.ts'
import { systemClock } from '../platform/clock.ts'
import { easeCollection } from '../platform/collector.ts'
import { onStopSignal, sinceStartMs } from '../platform/process.ts'
import { type Broker, startBroker } from './broker.ts'
import { CommandFailure, exitCodes, usageFailure } from './failure.ts'
import { createLog, type Log } from './log.ts'
import type { Command, CommandCall } from './main.ts'
import { makePlan, type Plan } from './plan.ts'
import { abandonBroker, stopBroker } from './shutdown.ts'
import { readVersion } from './version.ts'

export const serve: Command = async call => {
  const { settings, words, output } = call
  if (words.length > 0) throw usageFailure(`serve takes no words, not “${words[0]}”.`)
  easeCollection()
  const plan = makePlan(settings)
  const log = await createLog({
    level: settings.quiet && call.origins.logLevel.kind === 'default' ? 'warn' : settings.logLevel,
    format: settings.logFormat,
    now: systemClock.now,
    write: output.error,
  })
  const broker = await start(call, plan, log)
  const stopped = waitForEnd(broker, log)
  const readyMs = Math.round(sinceStartMs())
  announce(call, { plan, endpoints: broker.endpoints, readyMs, log })
  const exitCode = await stopped
  if (settings.readyFile !== undefined) rmSync(settings.readyFile, { force: true })
  log.info('stopped')
  return exitCode
}

async function start({ settings }: CommandCall, plan: Plan, log: Log): Promise<Broker> {
  try {
    return await startBroker(plan, settings, log)
  } catch (error) {
    if (error instanceof EngineFailure) {
      const advice =
        error.code === 'SPILLWAY_E_DAMAGED' ? ' `spillway doctor --data` lists all of it.' : ''
      throw new CommandFailure(error.code, error.message + advice)
    }
    throw error
  }
}

/** Resolves with the exit code, after an orderly stop or a failure. */
function waitForEnd(broker: Broker, log: Log): Promise<number> {
  return new Promise(resolve => {
    let signals = 0
    onStopSignal(signal => {
      if (++signals > 1) process.exit(exitCodes.interrupted)
      log.info('stopping', { signal })
      stopBroker(broker, systemClock, log.info).then(
        () => resolve(exitCodes.ok),
        error => fail(error),
      )
    })
    const fail = (failure: Error): void => {
      const code = failure instanceof EngineFailure ? failure.code : 'SPILLWAY_E_BUG'
      const cause = failure.cause instanceof Error ? failure.cause.message : undefined
      log.error(`${code}: ${failure.message}`, { cause })
      if (!(failure instanceof EngineFailure)) log.error(failure.stack ?? 'no stack')
      abandonBroker(broker, systemClock).finally(() => process.exit(exitCodes.error))
    }
    broker.engine.onFailure(fail)
    process.on('uncaughtException', fail)
  })
}

interface Announcement {
  readonly plan: Plan
  readonly endpoints: readonly Endpoint[]
  readonly readyMs: number
  readonly log: Log
}

function announce({ settings, output }: CommandCall, announcement: Announcement): void {
  const { plan, endpoints, readyMs, log } = announcement
  if (settings.readyFile !== undefined) writeReadyFile(settings.readyFile, announcement)
  if (settings.json) output.json({ event: 'ready', ...describe(announcement) })
  if (settings.logFormat === 'json') {
    const urls = Object.fromEntries(endpoints.map(({ name, url }) => [name, url]))
    log.info('ready', { readyMs, data: plan.data, ...urls })
  } else {
    for (const line of banner(announcement)) output.note(line)
  }
  if (plan.insecure && plan.users === undefined) {
    log.warn('anybody who reaches this address can read and write everything (--insecure)')
  }
  if (settings.sqs !== 'off' && plan.sqsPort === undefined) {
    log.warn('SQS is off: on a public address it wants --sqs-keys ID:SECRET, or --insecure')
  }
}

function describe({ plan, endpoints, readyMs }: Announcement) {
  return {
    version: readVersion(),
    pid: process.pid,
    readyMs,
    data: plan.data ?? null,
    host: plan.host,
    ports: Object.fromEntries(endpoints.map(({ name, port }) => [name, port])),
    urls: Object.fromEntries(endpoints.map(({ name, url }) => [name, url])),
  }
}

/** Whoever waits for the file must never see half of it. */
function writeReadyFile(file: string, announcement: Announcement): void {
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(describe(announcement))}\n`)
  renameSync(draft, file)
}

const durabilityTexts = {
  always: 'durable: fsync before every confirm',
  interval: 'fsync every so often: a power cut may take the last confirms',
  os: 'no fsync: survives a kill, not a power cut',
  memory: 'gone when it stops',
} as const

export function banner({ plan, endpoints, readyMs }: Announcement): string[] {
  const kept = plan.data === undefined ? 'data in memory' : `data ${plan.data}`
  const durability = durabilityTexts[plan.durability.kind]
  const cells = endpoints.map(({ name, url }) => [name, url] as const)
  const http = endpoints.find(({ name }) => name === 'http')
  if (http !== undefined) cells.push(['ready', `${http.url}/readyz`])
  const lines = [
    `  ${`spillway ${readVersion()}  ready in ${readyMs} ms`.padEnd(48)}${kept} (${durability})`,
  ]
  for (let index = 0; index < cells.length; index += 2) {
    const pair = cells.slice(index, index + 2)
    const shown = pair.map(([name, url]) => `${name.padEnd(7)} ${url}`.padEnd(48))
    lines.push(`  ${shown.join('')}`.trimEnd())
  }
  return lines
}
