/**
 * The engine inside this process. Every connection to the same folder, or to the same named memory,
 * shares one engine; the last one to leave closes it.
 */

import { SeededRandom } from '../../../base/random.ts'
import { type EngineDoor, openEngine } from '../../../engine/engine.ts'
import type { Storage } from '../../../engine/ports.ts'
import type { DriverContext } from '../../driver.ts'
import { ClientError } from '../../errors.ts'

export interface Store {
  readonly engine: EngineDoor
  /**
   * Makes those who ask next wait for leases and returns, too. The engine writes these when it gets
   * round to it, because other servers need no more; here they carry the count of attempts.
   */
  mark(): void
  /** Resolves when everything that was changed so far is durable. */
  whenSafe(): Promise<void>
  /** Runs `run` when everything that was changed so far is durable: at once, if it is. */
  afterSafe(run: () => void): void
  onFailure(callback: (failure: Error) => void): () => void
  release(): Promise<void>
}

interface Shared {
  users: number
  closing: Promise<void> | undefined
  readonly store: Omit<Store, 'release'>
  close(): Promise<void>
}

/** A change that is always waited for: the journal keeps its order, so all before it is safe. */
const marksTable = '~client'
const mark = Uint8Array.of(1)

const open = new Map<string, Promise<Shared>>()

/** `memory:` alone is a memory of its own; `memory:NAME` and `file:FOLDER` are shared. */
export async function openStore(url: string, context: DriverContext): Promise<Store> {
  const key = url === 'memory:' ? undefined : await keyOf(url)
  for (;;) {
    const opening = (key === undefined ? undefined : open.get(key)) ?? begin(url, key, context)
    const shared = await opening
    if (shared.closing !== undefined) {
      await shared.closing
      continue
    }
    shared.users++
    let isReleased = false
    return {
      ...shared.store,
      release: async () => {
        if (isReleased) return
        isReleased = true
        if (--shared.users > 0) return
        shared.closing = shared.close().then(() => {
          if (key !== undefined) open.delete(key)
        })
        await shared.closing
      },
    }
  }
}

/**
 * Whoever connects to `url` (`memory:NAME`) from now on gets this engine. Its owner closes it,
 * after taking it back with the function that is returned.
 */
export function lend(url: string, engine: EngineDoor): () => void {
  const gate = new Gate(engine)
  const store = {
    engine,
    mark: () => {},
    whenSafe: () => gate.whenSafe(),
    afterSafe: (run: () => void) => gate.afterSafe(run),
    onFailure: (callback: (failure: Error) => void) => gate.onFailure(callback),
  }
  // The owner is a user, too, so that the last connection does not close it.
  const shared = { users: 1, closing: undefined, store, close: () => Promise.resolve() }
  open.set(url, Promise.resolve(shared))
  return () => {
    open.delete(url)
  }
}

async function keyOf(url: string): Promise<string> {
  if (url.startsWith('memory:')) return url
  const { resolve } = await import('node:path')
  return `file:${resolve(folderOf(url))}`
}

/** `file:./data`, `file:data`, `file:/var/data` and `file:///var/data`. */
function folderOf(url: string): string {
  const rest = url.slice('file:'.length)
  return decodeURIComponent(rest.startsWith('//') ? rest.slice(2) : rest)
}

function begin(url: string, key: string | undefined, context: DriverContext): Promise<Shared> {
  const opening = openShared(url, context)
  if (key !== undefined) {
    open.set(key, opening)
    opening.catch(() => open.delete(key))
  }
  return opening
}

async function openShared(url: string, context: DriverContext): Promise<Shared> {
  const { storage, leave } = await openStorage(url, context)
  const { clock, random } = context
  const isMemory = url.startsWith('memory:')
  let engine: EngineDoor
  try {
    engine = openEngine(
      { clock, random, storage },
      isMemory ? { durability: { kind: 'memory' }, cacheBytes: 4 * 1024 * 1024 } : {},
    )
  } catch (error) {
    leave()
    throw error
  }
  const gate = new Gate(engine)
  if (!isMemory && engine.table(marksTable) === undefined) engine.createTable(marksTable)
  return {
    users: 0,
    closing: undefined,
    store: {
      engine,
      // What is in memory does not outlive the process, and neither do its attempts.
      mark: isMemory ? () => {} : () => void engine.put(marksTable, [['mark', mark]]),
      whenSafe: () => gate.whenSafe(),
      afterSafe: run => gate.afterSafe(run),
      onFailure: callback => gate.onFailure(callback),
    },
    close: () =>
      new Promise(resolve => {
        if (gate.failure !== undefined) {
          leave()
          resolve()
          return
        }
        engine.close(() => {
          leave()
          resolve()
        })
      }),
  }
}

async function openStorage(
  url: string,
  context: DriverContext,
): Promise<{ storage: Storage; leave: () => void }> {
  if (url.startsWith('memory:')) {
    const { SimulatedStorage } = await import('../../../testing/storage.ts')
    const options = { clock: context.clock, random: new SeededRandom(1), latencyMaxMs: 0 }
    return { storage: new SimulatedStorage(options), leave: () => {} }
  }
  const { FolderLocked, openFolder } = await import('../../../platform/storage.ts')
  const path = folderOf(url)
  try {
    const folder = openFolder(path)
    return { storage: folder, leave: () => folder.close() }
  } catch (cause) {
    const isLocked = cause instanceof FolderLocked
    throw new ClientError({
      code: isLocked ? 'SPILLWAY_E_LOCKED' : 'SPILLWAY_E_DATA',
      backend: 'embedded',
      why: isLocked ? cause.message : `${path} cannot be opened: ${(cause as Error).message}`,
      alternatives: isLocked
        ? [
            'stop the other process',
            'run `spillway` on the folder and connect to it',
            'another folder',
          ]
        : ['another folder'],
      cause,
    })
  }
}

/** Those who wait until the journal is released up to where it was when they asked. */
class Gate {
  failure: Error | undefined
  readonly #engine: EngineDoor
  readonly #waiting: { readonly gate: number; run(failure: Error | undefined): void }[] = []
  readonly #callbacks = new Set<(failure: Error) => void>()
  #first = 0

  constructor(engine: EngineDoor) {
    this.#engine = engine
    engine.onReleased(() => this.#released())
    engine.onFailure(failure => this.#failed(failure))
  }

  whenSafe(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wait(failure => (failure === undefined ? resolve() : reject(failure)))
    })
  }

  afterSafe(run: () => void): void {
    this.#wait(failure => {
      if (failure === undefined) run()
    })
  }

  onFailure(callback: (failure: Error) => void): () => void {
    this.#callbacks.add(callback)
    return () => this.#callbacks.delete(callback)
  }

  #wait(run: (failure: Error | undefined) => void): void {
    if (this.failure !== undefined) {
      run(this.failure)
      return
    }
    const { gate } = this.#engine
    if (this.#first === this.#waiting.length && this.#engine.released >= gate) run(undefined)
    else this.#waiting.push({ gate, run })
  }

  #released(): void {
    const { released } = this.#engine
    while (this.#first < this.#waiting.length && this.#waiting[this.#first]!.gate <= released) {
      this.#waiting[this.#first++]!.run(undefined)
    }
    if (this.#first > 1024 || this.#first === this.#waiting.length) {
      this.#waiting.splice(0, this.#first)
      this.#first = 0
    }
  }

  #failed(cause: Error): void {
    const failure = new ClientError({
      code: 'SPILLWAY_E_ENGINE',
      backend: 'embedded',
      why: `the engine has stopped: ${cause.message}`,
      cause,
    })
    this.failure = failure
    for (const { run } of this.#waiting.splice(0).slice(this.#first)) run(failure)
    this.#first = 0
    for (const callback of this.#callbacks) callback(failure)
  }
}
