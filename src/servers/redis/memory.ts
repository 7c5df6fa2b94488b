/**
 * `maxmemory`: above it, commands that need more memory are refused, as Redis does under
 * `noeviction`. Nothing is ever evicted, whatever the policy says: entries are on the disk, and who
 * sets a limit for them trims. What is counted is the process, with all that it serves.
 */

/** Those that Redis calls `denyoom`. */
export const growing: ReadonlySet<string> = new Set([
  ...['append', 'decr', 'decrby', 'getset', 'incr', 'incrby', 'incrbyfloat', 'mset', 'msetnx'],
  ...['psetex', 'set', 'setbit', 'setex', 'setnx', 'setrange', 'copy', 'restore', 'sort'],
  ...['hincrby', 'hincrbyfloat', 'hmset', 'hset', 'hsetnx'],
  ...['blmove', 'brpoplpush', 'linsert', 'lmove', 'lpush', 'lpushx', 'lset', 'rpoplpush'],
  ...['rpush', 'rpushx', 'sadd', 'sdiffstore', 'sinterstore', 'sunionstore'],
  ...['zadd', 'zdiffstore', 'zincrby', 'zinterstore', 'zrangestore', 'zunionstore'],
  ...['xadd', 'xsetid', 'xgroup|create', 'xgroup|createconsumer'],
])

/** Measured again after so long: asking the system costs more than most commands. */
const measureEveryMs = 100

export class MemoryLimit {
  readonly #measure: () => number
  readonly #monotonic: () => number
  #bytesMax = 0
  #measuredBytes = 0
  #measuredAt = Number.NEGATIVE_INFINITY

  constructor(measure: () => number, monotonic: () => number) {
    this.#measure = measure
    this.#monotonic = monotonic
  }

  /** 0: there is no limit. */
  set bytesMax(bytes: number) {
    this.#bytesMax = bytes
    this.#measuredAt = Number.NEGATIVE_INFINITY
  }

  get bytesMax(): number {
    return this.#bytesMax
  }

  get usedBytes(): number {
    return this.#measure()
  }

  get isReached(): boolean {
    if (this.#bytesMax === 0) return false
    const now = this.#monotonic()
    if (now - this.#measuredAt >= measureEveryMs) {
      this.#measuredAt = now
      this.#measuredBytes = this.#measure()
    }
    return this.#measuredBytes > this.#bytesMax
  }
}

const units: { readonly [unit: string]: number } = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1000 ** 2,
  mb: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1024 ** 3,
}

/** `100mb` in bytes, as Redis reads it; undefined: it is no amount of memory. */
export function memoryBytes(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,15})([a-z]*)$/.exec(text.toLowerCase()) ?? []
  const factor = units[unit ?? 'none']
  return factor === undefined ? undefined : Number(digits) * factor
}
