/**
 * A disk of 300 MB as the data folder. Once the broker fills it itself until it blocks its
 * publishers, and consumers drain it; once another program takes the last byte, so that writes
 * fail, and gives the space back. Publishing goes on by itself, and nothing that was confirmed is
 * lost. Mounting needs root; without it the program says so.
 */

import { execFileSync } from 'node:child_process'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import amqp from 'amqplib'
import { startSpillway } from '../harness/broker.ts'
import { drainQueue } from '../harness/drain.ts'
import { breaches, encodeBody, Ledger } from '../harness/ledger.ts'
import { temporaryFolder } from '../harness/process.ts'
import { formatTable } from '../harness/statistics.ts'
import { deferred, eventually, pause, within } from '../harness/wait.ts'

const queue = 'full'
const unconfirmedMax = 500
const diskBytes = 300_000_000

interface Filler {
  readonly blocked: Promise<void>
  /** No more; resolves when each message that was sent is confirmed. */
  finish(): Promise<void>
}

/** Publishes without pause, as fast as confirms come. */
async function startFiller(url: string, ledger: Ledger): Promise<Filler> {
  const connection = await amqp.connect(url)
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue(queue, { durable: true })
  const blocked = deferred<void>()
  connection.on('blocked', () => blocked.resolve())
  connection.on('error', error => blocked.reject(error))
  channel.on('nack', () => ledger.refused())
  let sequence = 0
  let unconfirmed = 0
  let finishing = false
  const publish = (): void => {
    const id = { publisher: 0, sequence: sequence++ }
    ledger.published(id)
    unconfirmed++
    channel.sendToQueue(queue, encodeBody(id), { persistent: true }, error => {
      unconfirmed--
      if (!error) ledger.confirmed(id)
      setImmediate(pump)
    })
  }
  const pump = (): void => {
    while (!finishing && unconfirmed < unconfirmedMax) publish()
  }
  // A connection hears that it is blocked when it publishes, so it goes on when confirms stop.
  const trickle = setInterval(publish, 100)
  pump()
  return {
    blocked: blocked.promise,
    finish: async () => {
      finishing = true
      clearInterval(trickle)
      await channel.waitForConfirms().catch(() => {})
      await connection.close()
    },
  }
}

/** What takes the space, and how it comes back: resolves when there should be some again. */
interface Squeeze {
  readonly name: string
  /** Resolves when the broker has noticed. */
  begin(folder: string, filler: Filler, ledger: Ledger): Promise<void>
  relieve(folder: string, url: string, ledger: Ledger): Promise<void>
}

const place = { queue, place: 'queue' } as const

const squeezes: readonly Squeeze[] = [
  {
    name: 'by the broker itself',
    begin: (_, filler) => within('the publisher to be blocked', filler.blocked, 120_000),
    relieve: async (_, url, ledger) => {
      await drainQueue(url, place, ledger)
    },
  },
  {
    name: 'by another program',
    begin: async (folder, filler, ledger) => {
      takeAll(join(folder, 'ballast'))
      await confirmsStop(ledger)
      await within('the publisher to be blocked', filler.blocked, 30_000)
    },
    relieve: async folder => rmSync(join(folder, 'ballast')),
  },
]

/** When writes fail, confirms stop; the publisher hears why past those that are held. */
async function confirmsStop(ledger: Ledger): Promise<void> {
  let before = -1
  await eventually('confirms stop', async () => {
    before = ledger.counts.confirmed
    await pause(2000)
    return ledger.counts.confirmed === before
  })
}

function takeAll(file: string): void {
  const chunk = Buffer.alloc(65_536)
  const descriptor = openSync(file, 'w')
  try {
    while (writeSync(descriptor, chunk) > 0);
  } catch {
    // No space is left, as was wanted.
  }
  closeSync(descriptor)
}

async function squeezeBroker(folder: string, squeeze: Squeeze): Promise<Ledger> {
  const ledger = new Ledger()
  const broker = await startSpillway({ folder })
  const filler = await startFiller(broker.url, ledger)
  await eventually('something is confirmed', () => ledger.counts.confirmed > 5000)
  await squeeze.begin(folder, filler, ledger)
  const confirmed = ledger.counts.confirmed
  console.error(`${squeeze.name}: confirms stop at ${confirmed}, and the publisher was told`)
  await squeeze.relieve(folder, broker.url, ledger)
  await eventually('confirms go on', () => ledger.counts.confirmed > confirmed + unconfirmedMax)
  await within('the rest to be confirmed', filler.finish(), 120_000)
  await broker.kill()
  const again = await startSpillway({ folder })
  await drainQueue(again.url, place, ledger)
  await again.stop()
  ledger.balance()
  return ledger
}

/** Prints what came of it; false when a promise was not kept, or nothing could be tried. */
export async function runDiskFull(): Promise<boolean> {
  if (process.getuid?.() !== 0) {
    console.error('NOT RUN: mounting a small disk needs root.')
    return false
  }
  const rows: string[][] = []
  let kept = true
  for (const squeeze of squeezes) {
    const folder = temporaryFolder('disk')
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', folder])
    try {
      const ledger = await squeezeBroker(folder, squeeze)
      kept &&= ledger.kept
      if (!ledger.kept) console.error(ledger.details.join('\n'))
      const counts = [ledger.counts.confirmed, ledger.counts.refused]
      const broken = breaches.map(breach => ledger.broken[breach])
      rows.push([squeeze.name, ...[...counts, ...broken].map(String)])
    } finally {
      execFileSync('umount', ['-l', folder])
    }
  }
  console.log(formatTable(['filled', 'confirmed', 'refused', ...breaches], rows))
  return kept
}
