/**
 * Appends, leases and settles by calling the engine, in a process of its own (see engine.ts for its
 * flags). Prints the figures as a JSON array, in the order of that file's table.
 */

import { type EngineDoor, openEngine } from '../src/engine/engine.ts'
import { defaultQueue, formats } from '../src/engine/model.ts'
import { systemClock } from '../src/platform/clock.ts'
import { systemRandom } from '../src/platform/random.ts'
import { openFolder } from '../src/platform/storage.ts'
import { temporaryFolder } from '../tests/harness/process.ts'

const messages = Number(process.argv[2] ?? 100_000)
const queue = 'bench'
const holder = 'bench'
const perTurn = 500

const storage = openFolder(temporaryFolder('engine'))
const engine = openEngine({ clock: systemClock, storage, random: systemRandom })
engine.createLog(queue, { queue: defaultQueue })

const appended = await measure(engine, appendSome)
const settled = await measure(engine, settleSome)
console.log(
  JSON.stringify([appended.perSecond, settled.perSecond, appended.allocated, settled.allocated]),
)
engine.close(() => storage.close())

function appendSome(count: number): void {
  const body = new Uint8Array(100)
  const record = { format: formats.none, envelope: new Uint8Array(0), body }
  for (let index = 0; index < count; index++) engine.publish('', queue, record)
}

/** As many leases at once as a prefetch would allow, each settled by its own call, as acks are. */
function settleSome(count: number): void {
  const target = { log: queue }
  const leased = engine.lease(target, { holder, countMax: count })
  if (!leased.ok) throw new Error(leased.error)
  for (const { record } of leased.value) {
    engine.settle(target, holder, [record.position], { kind: 'done' })
  }
}

/** Until the last effect is on the disk; a turn of the event loop for each `perTurn` messages. */
async function measure(
  door: EngineDoor,
  work: (count: number) => void,
): Promise<{ perSecond: number; allocated: number }> {
  globalThis.gc?.()
  const usedBefore = process.memoryUsage().heapUsed
  const startedAt = performance.now()
  for (let done = 0; done < messages; done += perTurn) {
    work(Math.min(perTurn, messages - done))
    await new Promise(resolve => setImmediate(resolve))
  }
  const allocated = (process.memoryUsage().heapUsed - usedBefore) / messages
  await new Promise<void>(resolve => {
    const look = (): void => {
      if (door.released >= door.gate) resolve()
    }
    door.onReleased(look)
    look()
  })
  return { perSecond: (messages / (performance.now() - startedAt)) * 1000, allocated }
}
