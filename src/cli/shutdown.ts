/**
 * The orderly end, step by step: not ready, no new connections, no new deliveries, acknowledgements
 * land (20 s at most), synced, every protocol's own goodbye, the journal closed.
 */

import type { Clock } from '../engine/ports.ts'
import type { Broker } from './broker.ts'

export interface StopTimes {
  /** For consumers to acknowledge what they hold. */
  readonly settleMs: number
  /** For peers to answer the goodbye. */
  readonly goodbyeMs: number
}

export const stopTimes: StopTimes = { settleMs: 20_000, goodbyeMs: 3000 }

const lookMs = 20

export async function stopBroker(
  broker: Broker,
  clock: Clock,
  note: (line: string) => void,
  times = stopTimes,
): Promise<void> {
  const { engine, connections } = broker
  broker.stopping = true
  connections.refuse()
  broker.sqs?.stop()
  broker.management?.stop()
  connections.quiet()
  const held = leasedRecords(broker)
  if (held > 0 && connections.size > 0) {
    const seconds = times.settleMs / 1000
    note(`waiting up to ${seconds} s for ${held} unacknowledged messages; again to stop at once`)
    await until(clock, times.settleMs, () => connections.size === 0 || leasedRecords(broker) === 0)
  }
  await until(clock, times.goodbyeMs, () => engine.released >= engine.gate)
  await sayGoodbye(broker, clock, 'stopping', times.goodbyeMs)
  broker.sqs?.destroy()
  broker.management?.destroy()
  await closeAdmin(broker, clock)
  await new Promise<void>(resolve => engine.close(resolve))
  broker.release()
}

/** After the engine has failed: nobody is told anything that may not be true. */
export async function abandonBroker(broker: Broker, clock: Clock): Promise<void> {
  broker.stopping = true
  await sayGoodbye(broker, clock, 'failed', 500)
}

async function sayGoodbye(
  { connections }: Broker,
  clock: Clock,
  reason: 'stopping' | 'failed',
  waitMs: number,
): Promise<void> {
  let isOver = false
  const text = reason === 'stopping' ? 'the broker is shutting down' : 'the broker has failed'
  connections.shutdown(reason, text, () => {
    isOver = true
  })
  await until(clock, waitMs, () => isOver)
  connections.destroy()
}

async function closeAdmin({ admin }: Broker, clock: Clock): Promise<void> {
  if (admin === undefined) return
  let isClosed = false
  admin.close(() => {
    isClosed = true
  })
  await until(clock, 1000, () => isClosed)
  admin.destroy()
}

function leasedRecords({ engine }: Broker): number {
  let leased = 0
  for (const name of engine.logs()) leased += engine.log(name)?.leased ?? 0
  return leased
}

/** Looks every 20 ms; false when the time is over. */
async function until(clock: Clock, waitMs: number, isTrue: () => boolean): Promise<boolean> {
  const deadline = clock.monotonic() + waitMs
  while (!isTrue()) {
    const left = deadline - clock.monotonic()
    if (left <= 0) return false
    await new Promise<void>(resolve => clock.schedule(Math.min(lookMs, left), resolve))
  }
  return true
}
