/** Child processes, temporary folders and /proc: what every test from outside needs. */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A child whose last output is kept, so that a failure can quote it. */
export interface Child {
  readonly pid: number
  readonly process: ChildProcess
  /** Settles once the process is gone, with its code or signal. */
  readonly exited: Promise<string>
  /** The last 8 KiB of both outputs. */
  output(): string
  kill(signal: NodeJS.Signals): Promise<string>
}

const keptBytes = 8192

export function startChild(command: string, args: readonly string[], options: SpawnOptions): Child {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  if (child.pid === undefined) throw new Error(`${command} does not start`)
  let kept = ''
  const keep = (chunk: Buffer): void => {
    kept = (kept + chunk.toString()).slice(-keptBytes)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const exited = new Promise<string>(resolve => {
    child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`))
    child.once('error', error => resolve(error.message))
  })
  running.add(child)
  void exited.then(() => running.delete(child))
  return {
    pid: child.pid,
    process: child,
    exited,
    output: () => kept,
    kill: signal => {
      child.kill(signal)
      return exited
    },
  }
}

// No child outlives the program that started it, however that program ends.
const running = new Set<ChildProcess>()
const folders: string[] = []
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => process.exit(130))
}

/** A folder that is removed when the program ends. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `spillway-${name}-`))
  folders.push(folder)
  return folder
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

/** Resident memory in bytes, or undefined where there is no /proc or no such process. */
export function residentBytes(pid: number): number | undefined {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readProc(pid, 'status'))?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
}

/** Processor time used so far, in milliseconds (the kernel counts in hundredths of a second). */
export function processorMs(pid: number): number | undefined {
  const afterName = readProc(pid, 'stat').split(') ')[1]?.split(' ')
  if (afterName === undefined) return undefined
  return (Number(afterName[11]) + Number(afterName[12])) * 10
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
