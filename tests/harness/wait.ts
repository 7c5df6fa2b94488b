/**
 * Waiting for events. A deadline here is a guard against hanging for ever, never the thing that is
 * tested; it names what did not come.
 */

export interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: Error): void
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue
    reject = onError
  })
  return { promise, resolve, reject }
}

const guardMs = 30_000

/** Rejects with what was awaited when it does not come. */
export async function within<T>(what: string, promise: Promise<T>, ms = guardMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms in vain for ${what}`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** For a state that announces itself by no event (memory, a file, a count in another process). */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  ms = guardMs,
): Promise<void> {
  const end = performance.now() + ms
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited ${ms} ms in vain until ${what}`)
    await pause(5)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/** Values that arrive one by one and are taken one by one, in order. */
export class Mailbox<T> {
  readonly #values: T[] = []
  readonly #takers: Deferred<T>[] = []
  #failure: Error | undefined

  put(value: T): void {
    const taker = this.#takers.shift()
    if (taker === undefined) this.#values.push(value)
    else taker.resolve(value)
  }

  /** No more will come: whoever waits, now or later, hears why. */
  fail(failure: Error): void {
    this.#failure = failure
    for (const taker of this.#takers.splice(0)) taker.reject(failure)
  }

  take(what: string, ms?: number): Promise<T> {
    const value = this.#values.shift()
    if (value !== undefined) return Promise.resolve(value)
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const taker = deferred<T>()
    this.#takers.push(taker)
    return within(what, taker.promise, ms)
  }

  /** What has come and nobody took. */
  get size(): number {
    return this.#values.length
  }
}
