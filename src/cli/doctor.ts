/**
 * `spillway doctor`: what a broker needs of this machine, one line each. With `--data` it checks
 * every checksum of that folder instead, which must not be in use.
 */

import { existsSync, statfsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { printSize } from '../base/size.ts'
import { systemClock } from '../platform/clock.ts'
import { FolderLocked, openFolder } from '../platform/storage.ts'
import { netTransport } from '../platform/transport.ts'
import { CommandFailure, exitCodes, usageFailure } from './failure.ts'
import type { Command, CommandCall } from './main.ts'
import type { Settings } from './options.ts'
import { shiftPort } from './plan.ts'

interface Finding {
  readonly check: string
  readonly state: 'ok' | 'warn' | 'bad'
  readonly text: string
}

export const doctor: Command = async call => {
  const { settings, words, output, origins } = call
  if (words.length > 0) throw usageFailure(`doctor takes no words, not “${words[0]}”.`)
  const findings =
    origins.data.kind === 'flag' ? await checkFolder(call) : await checkMachine(settings)
  for (const { check, state, text } of findings) {
    if (settings.json) {
      output.json({ check, state, text })
    } else {
      const colour = { ok: 'green', warn: 'yellow', bad: 'red' } as const
      output.data(`${output.paint(colour[state], state.padEnd(4))}  ${check.padEnd(10)}  ${text}`)
    }
  }
  return findings.some(({ state }) => state === 'bad') ? exitCodes.error : exitCodes.ok
}

async function checkMachine(settings: Settings): Promise<Finding[]> {
  return [
    checkNode(),
    ...(await checkPorts(settings)),
    checkDisk(settings),
    await checkSync(settings),
    checkClock(),
    checkFiles(),
  ]
}

function checkNode(): Finding {
  const { node } = process.versions
  const [major = 0, minor = 0] = node.split('.').map(Number)
  const isNewEnough = major > 20 || (major === 20 && minor >= 19)
  const text = isNewEnough ? node : `${node} is too old; 20.19 is the oldest that works`
  return { check: 'node', state: isNewEnough ? 'ok' : 'bad', text }
}

async function checkPorts(settings: Settings): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const flag of ['amqp', 'kafka', 'sqs', 'http'] as const) {
    const port = shiftPort(settings[flag], settings.portOffset)
    if (port === undefined) continue
    const check = `port ${port}`
    try {
      const listening = await netTransport().listen({ host: settings.host, port }, link =>
        link.destroy(),
      )
      listening.close()
      findings.push({ check, state: 'ok', text: `free, for ${flag}` })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const why = code === 'EADDRINUSE' ? 'in use' : `not usable (${code})`
      const text = `${why}; a broker needs --${flag}=${port + 1}, or --port-offset 1000`
      findings.push({ check, state: 'warn', text })
    }
  }
  return findings
}

/** The folder, or the nearest one above it that exists. */
function existingFolder(path: string): string {
  let folder = resolve(path)
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  return folder
}

function checkDisk({ data, diskFreeMin }: Settings): Finding {
  const folder = existingFolder(data)
  const { bavail, bsize } = statfsSync(folder)
  const free = bavail * bsize
  const isEnough = free > diskFreeMin
  const text = `${printSize(free)} free in ${folder}; publishers are refused below ${printSize(diskFreeMin)}`
  return { check: 'disk', state: isEnough ? 'ok' : 'bad', text }
}

const syncs = 25
const syncBytes = 4096

/** As the journal does it: a write and a sync, in a folder of its own beside the data. */
async function checkSync({ data }: Settings): Promise<Finding> {
  const { mkdtempSync, rmSync } = await import('node:fs')
  let folder: string
  try {
    folder = mkdtempSync(join(existingFolder(data), '.spillway-doctor-'))
  } catch (error) {
    return { check: 'fsync', state: 'bad', text: `cannot write: ${(error as Error).message}` }
  }
  try {
    const times = await timeSyncs(folder)
    const median = times.sort((left, right) => left - right)[syncs >> 1]!
    const worst = times.at(-1)!
    const text = `${median.toFixed(2)} ms (worst of ${syncs}: ${worst.toFixed(2)} ms); every confirm waits for one`
    return { check: 'fsync', state: median > 20 ? 'warn' : 'ok', text }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function timeSyncs(path: string): Promise<number[]> {
  const folder = openFolder(path)
  const file = folder.open('probe')
  const bytes = new Uint8Array(syncBytes)
  const times: number[] = []
  for (let index = 0; index < syncs; index++) {
    const before = systemClock.monotonic()
    await new Promise<void>((done, reject) => {
      file.write(index * syncBytes, [bytes], true, error => {
        if (error === undefined) done()
        else reject(new Error(error.message))
      })
    })
    times.push(systemClock.monotonic() - before)
  }
  file.close()
  folder.close()
  return times
}

/** Times to live and delays go by the wall clock. */
function checkClock(): Finding {
  const now = systemClock.now()
  const isSane = now > Date.UTC(2025, 0, 1)
  const text = new Date(now).toISOString() + (isSane ? '' : ' is in the past: set the clock')
  return { check: 'clock', state: isSane ? 'ok' : 'bad', text }
}

const filesWanted = 4096

/** Every connection is an open file. */
function checkFiles(): Finding {
  const report = process.report?.getReport() as
    | { userLimits?: { open_files?: { soft: number | string } } }
    | undefined
  const soft = report?.userLimits?.open_files?.soft
  if (soft === undefined) return { check: 'files', state: 'ok', text: 'no limit is known' }
  const isEnough = soft === 'unlimited' || Number(soft) >= filesWanted
  const text = `${soft} open files at most${isEnough ? '' : '; raise it with ulimit -n'}`
  return { check: 'files', state: isEnough ? 'ok' : 'warn', text }
}

async function checkFolder({ settings, output }: CommandCall): Promise<Finding[]> {
  const { data } = settings
  if (!existsSync(data)) {
    throw new CommandFailure('SPILLWAY_E_NOT_FOUND', `there is no ${data}.`, exitCodes.notFound)
  }
  const { verifyFolder } = await import('../engine/journal/verify.ts')
  let folder: ReturnType<typeof openFolder>
  try {
    folder = openFolder(data)
  } catch (error) {
    if (!(error instanceof FolderLocked)) throw error
    throw new CommandFailure(error.code, `${error.message}. Stop it first.`)
  }
  try {
    const begun = systemClock.monotonic()
    const { files, blocks, entries, bytes, problems, notes } = verifyFolder(folder, (done, all) => {
      if (!output.isTerminal || systemClock.monotonic() - begun < 2000) return
      process.stderr.write(`\r${done} of ${all} files${done === all ? '\n' : ''}`)
    })
    const seen = `${files} files, ${printSize(bytes)}, ${blocks} blocks, ${entries} entries`
    return [
      ...problems.map(text => ({ check: 'data', state: 'bad', text }) as const),
      ...notes.map(text => ({ check: 'data', state: 'warn', text }) as const),
      problems.length === 0
        ? { check: 'data', state: 'ok', text: `every checksum is right: ${seen}` }
        : { check: 'data', state: 'bad', text: `${problems.length} problems in ${seen}` },
    ]
  } finally {
    folder.close()
  }
}
