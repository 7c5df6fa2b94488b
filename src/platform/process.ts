/** This process, as its operator sees it: signals, memory, load, and what it may use. */

import { totalmem } from 'node:os'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

export interface ProcessUsage {
  readonly residentBytes: number
  readonly heapUsedBytes: number
  /** Processor time since the start, in milliseconds. */
  readonly processorMs: number
  readonly uptimeMs: number
}

export function processUsage(): ProcessUsage {
  const memory = process.memoryUsage()
  const processor = process.cpuUsage()
  return {
    residentBytes: memory.rss,
    heapUsedBytes: memory.heapUsed,
    processorMs: Math.round((processor.user + processor.system) / 1000),
    uptimeMs: Math.round(performance.now()),
  }
}

/** Without the rest of `processUsage`: cheap enough to be asked for each second. */
export function residentBytes(): number {
  return process.memoryUsage.rss()
}

/** What this process may use of the machine's memory: all of it, or what its container has. */
export function memoryLimitBytes(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/** Milliseconds since the process was started, for the time until it was ready. */
export function sinceStartMs(): number {
  return performance.now()
}

export interface LoopDelay {
  /** Milliseconds that the event loop was late, 99th percentile since the last call. */
  readP99Ms(): number
  stop(): void
}

export function watchLoopDelay(): LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: 20 })
  histogram.enable()
  return {
    readP99Ms: () => {
      const ms = histogram.percentile(99) / 1e6
      histogram.reset()
      return Number.isFinite(ms) ? ms : 0
    },
    stop: () => void histogram.disable(),
  }
}

/** Calls `stop` for every SIGTERM and SIGINT; the default, to die at once, is off from then on. */
export function onStopSignal(stop: (signal: 'SIGTERM' | 'SIGINT') => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal))
}
