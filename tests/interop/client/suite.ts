/**
 * The client's drivers on the real brokers: the whole conformance suite, connections that break,
 * and a broker that is started again.
 */

import { connect, type Queue, queue } from '../../../src/client/client.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { lossCases } from '../../client/drivers/losses.ts'
import { record, runSuite } from '../../client/recorded-run.ts'
import type { RowName } from '../../client/results.ts'
import { startProxy } from '../../harness/proxy.ts'
import type { Choice, Report } from '../suite.ts'

export interface ClientSubject {
  /** Its row in docs/compatibility/backends.md. */
  readonly row: RowName
  /** As the table says it: name and version. */
  readonly broker: string
  readonly url: string
  readonly unitMs: number
  readonly atATime: number
}

interface Counts {
  passed: number
  failed: number
}

/** Every case, and how many of them the backend cannot pass. */
export async function runConformance(
  report: Report,
  choice: Choice,
  { row, broker, url, unitMs, atATime }: ClientSubject,
): Promise<void> {
  const { only } = choice
  const results = await runSuite(
    { url, server: broker, unitMs, patienceMs: 30_000, atATime, only },
    { failed: (name, why) => report.failed(`${name} on ${broker}`, why) },
  )
  if (choice.record) await record(row, results)
  const { passed, skipped, failed } = results
  const suite = `client (${skipped.length} skipped as planned)`
  report.row({ broker, suite, passed, failed: failed.length })
}

/** Connections that break. `url` is that of a port that leads to the broker's. */
export async function runLosses(
  report: Report,
  choice: Choice,
  subject: {
    readonly broker: string
    readonly port: number
    /** Leases end with their time, not with the connection. */
    readonly hasTimedLeases?: boolean
    url(port: number): string
  },
): Promise<void> {
  const { broker, hasTimedLeases = false } = subject
  const counts: Counts = { passed: 0, failed: 0 }
  const run = `l${systemClock.now().toString(36)}`
  for (const one of lossCases) {
    if (!one.name.includes(choice.only) || (hasTimedLeases && one.bound)) continue
    const proxy = await startProxy(subject.port)
    await counted(report, counts, `${one.name} on ${broker}`, () =>
      one.run({ url: subject.url(proxy.port), run, cut: () => proxy.cut() }),
    )
    await proxy.close()
  }
  report.row({ broker, suite: 'client, lost connections', ...counts })
}

interface Started {
  readonly port: number
  stop(): Promise<void>
}

/** A broker that is stopped while a service works, and started again on what it had. */
export async function runRestart(
  report: Report,
  subject: {
    readonly broker: string
    url(port: number): string
    start(): Promise<Started>
  },
): Promise<void> {
  const { broker } = subject
  const counts: Counts = { passed: 0, failed: 0 }
  await counted(report, counts, `a restart of ${broker}`, async () => {
    let running = await subject.start()
    const proxy = await startProxy(running.port)
    try {
      await restart(subject.url(proxy.port), async () => {
        await running.stop()
        proxy.cut()
        running = await subject.start()
        proxy.leadTo(running.port)
      })
    } finally {
      await proxy.close()
      await running.stop()
    }
  })
  report.row({ broker, suite: 'client, restart', ...counts })
}

async function restart(url: string, again: () => Promise<void>): Promise<void> {
  const bus = await connect(url, { emulate: 'allow' })
  const work: Queue<{ n: number }> = queue('restarted')
  const seen = new Set<number>()
  const worker = bus.consume(work, ({ n }) => void seen.add(n), { concurrency: 4 })
  await worker.ready
  await sendAll(bus, work, 0, 100)
  const restarting = again()
  await restarting
  await sendAll(bus, work, 100, 200)
  const end = systemClock.monotonic() + 60_000
  while (seen.size < 200) {
    if (systemClock.monotonic() > end) throw new Error(`${seen.size} of 200 came`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  await worker.drain()
  await bus.close()
}

/** What is not confirmed is sent again. */
async function sendAll(
  bus: Awaited<ReturnType<typeof connect>>,
  to: Queue<{ n: number }>,
  from: number,
  end: number,
): Promise<void> {
  for (let n = from; n < end; n++) {
    for (let tries = 0; ; tries++) {
      try {
        await bus.send(to, { n })
        break
      } catch (error) {
        if (tries > 200) throw error
        await new Promise(resolve => setTimeout(resolve, 50))
      }
    }
  }
}

async function counted(
  report: Report,
  counts: Counts,
  what: string,
  run: () => Promise<void>,
): Promise<void> {
  try {
    await run()
    counts.passed++
  } catch (error) {
    counts.failed++
    report.failed(what, (error as Error).message)
  }
}
