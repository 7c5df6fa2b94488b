/**
 * One process at a time: an exclusive lock on a folder that ends with its holder, however that
 * ends.
 *
 * The lock is the kernel's (`flock`) on an open file in the folder. It cannot go stale, so there is
 * nothing to take over after a crash, no process id that somebody else may have by now, and it
 * holds between containers that share the folder and do not see each other's processes. Node cannot
 * lock a file, but a lock belongs to the *open file*, not to the process that asked for it: the
 * system's `flock` command inherits our descriptor, locks it and exits, and the lock stays with us.
 * macOS takes the lock with the open itself (`O_EXLOCK`).
 *
 * Where there is neither, the file's contents decide: process id, start time, boot and process
 * name space of the holder. A holder that cannot be looked up, because it belongs to another name
 * space, counts as alive, for two writers would destroy the data: a person must remove the file.
 *
 *     lock     {"pid":4711,"startedAt":"8123456","boot":"6f0c…","space":"pid:[4026531836]"}
 */

import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'

/** The name of the lock's file in the folder. It stays there; an empty one means nothing. */
export const lockName = 'lock'

/** Another process (or this one) has the folder open. */
export class FolderLocked extends Error {
  readonly code = 'SPILLWAY_E_LOCKED'
  readonly folder: string
  /** The holder, as far as it is known. */
  readonly pid: number | undefined
  constructor(folder: string, pid: number | undefined, advice = '') {
    const holder = pid === undefined ? 'another process' : `process ${pid}`
    super(`${folder} is in use by ${holder}${advice}`)
    this.name = 'FolderLocked'
    this.folder = folder
    this.pid = pid
  }
}

export interface FolderLock {
  release(): void
}

/** Throws `FolderLocked` when the folder is held by somebody who lives. */
export function lockFolder(folder: string): FolderLock {
  const file = join(folder, lockName)
  for (;;) {
    const descriptor = openLocked(file, folder)
    if (descriptor === undefined) return lockByContents(file, folder)
    // The file may have been replaced between opening and locking it.
    if (isSameFile(descriptor, file)) {
      fs.ftruncateSync(descriptor)
      fs.writeSync(descriptor, JSON.stringify(identify(process.pid)), 0)
      return { release: () => releaseLocked(descriptor) }
    }
    fs.closeSync(descriptor)
  }
}

function releaseLocked(descriptor: number): void {
  fs.ftruncateSync(descriptor)
  fs.closeSync(descriptor)
}

/** The open and locked file; undefined when this machine has no way to lock it. */
function openLocked(file: string, folder: string): number | undefined {
  const flags = fs.constants.O_RDWR | fs.constants.O_CREAT
  if (process.platform === 'darwin') {
    const exclusiveLock = 0x20
    try {
      return fs.openSync(file, flags | exclusiveLock | fs.constants.O_NONBLOCK, 0o644)
    } catch (error) {
      if (codeOf(error) === 'EAGAIN') throw new FolderLocked(folder, readHolder(file)?.pid)
      throw error
    }
  }
  if (process.platform === 'win32') return undefined
  const descriptor = fs.openSync(file, flags, 0o644)
  const { status } = spawnSync('flock', ['-x', '-n', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
  })
  if (status === 0) return descriptor
  fs.closeSync(descriptor)
  if (status === 1) throw new FolderLocked(folder, readHolder(file)?.pid)
  return undefined
}

function isSameFile(descriptor: number, file: string): boolean {
  try {
    return fs.fstatSync(descriptor).ino === fs.statSync(file).ino
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Who holds it, in words that tell apart two processes with the same number. */
interface Holder {
  readonly pid: number
  readonly startedAt: string | undefined
  readonly boot: string | undefined
  readonly space: string | undefined
}

function identify(pid: number): Holder {
  return {
    pid,
    startedAt: startOf(pid),
    boot: readText('/proc/sys/kernel/random/boot_id')?.trim(),
    space: readLink('/proc/self/ns/pid'),
  }
}

/** Clock ticks from the machine's start to the process's: field 22, after the name in brackets. */
function startOf(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

function isAlive(holder: Holder): boolean {
  const seen = identify(holder.pid)
  if (holder.boot !== seen.boot) return false
  if (holder.space !== seen.space) return true
  if (seen.startedAt !== undefined) return seen.startedAt === holder.startedAt
  if (holder.startedAt !== undefined) return false
  try {
    process.kill(holder.pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/**
 * The lock by contents. A link makes the file appear with its contents, or not at all. A stale one
 * is moved away before, and what was moved is looked at again: somebody may have been faster.
 */
function lockByContents(file: string, folder: string): FolderLock {
  const own = identify(process.pid)
  const ownText = JSON.stringify(own)
  const claim = `${file}.${own.pid}`
  fs.writeFileSync(claim, ownText)
  try {
    for (;;) {
      try {
        fs.linkSync(claim, file)
        return { release: () => releaseContents(file, ownText) }
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error
      }
      const text = readText(file)
      const holder = parseHolder(text)
      if (holder !== undefined && isAlive(holder)) {
        throw new FolderLocked(folder, holder.pid, `; if that is gone for good, remove ${file}`)
      }
      const moved = `${claim}.stale`
      try {
        fs.renameSync(file, moved)
      } catch (error) {
        if (codeOf(error) === 'ENOENT') continue
        throw error
      }
      if (readText(moved) !== text) fs.linkSync(moved, file)
      fs.rmSync(moved, { force: true })
    }
  } finally {
    fs.rmSync(claim, { force: true })
  }
}

function releaseContents(file: string, ownText: string): void {
  if (readText(file) === ownText) fs.rmSync(file, { force: true })
}

function readHolder(file: string): Holder | undefined {
  return parseHolder(readText(file))
}

function parseHolder(text: string | undefined): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    if (typeof value !== 'object' || value === null) return undefined
    return typeof (value as Holder).pid === 'number' ? (value as Holder) : undefined
  } catch {
    // Empty (let go of) or half written by somebody who died: nobody holds it.
    return undefined
  }
}

function readText(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function readLink(path: string): string | undefined {
  try {
    return fs.readlinkSync(path)
  } catch {
    return undefined
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
