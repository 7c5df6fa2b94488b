/**
 * Brings delayed messages to their stream when they are due. Every consumer of a source has one; a
 * message is moved by exactly one of them, because its hash is watched while it is read.
 */

import type { Timer } from '../../../engine/ports.ts'
import type { Arg, Command, Link } from './link.ts'
import { keyOf, type Source } from './names.ts'
import type { Store } from './store.ts'

const moveCount = 100
/** How late another process's message may be: nobody tells a mover that there is one. */
export const pollMs = 100

export class Mover {
  readonly #store: Store
  readonly #name: string
  readonly #prefix: string
  #timer: Timer | undefined
  #isStopped = false
  #isMoving = false

  constructor(store: Store, source: Source) {
    this.#store = store
    this.#name = source.layout.name
    this.#prefix = source.prefix
  }

  start(): void {
    void this.#run()
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  /** Once, now: for those who take without staying. */
  async moveAll(): Promise<void> {
    while ((await this.#moveSome()) === moveCount);
  }

  async #run(): Promise<void> {
    if (this.#isStopped || this.#isMoving) return
    this.#isMoving = true
    let waitMs = pollMs
    try {
      await this.moveAll()
      waitMs = Math.min(pollMs, await this.#untilNext())
    } catch {
      // The connection is mended elsewhere, and an error that stays is seen by those who read.
    }
    this.#isMoving = false
    if (this.#isStopped) return
    this.#timer = this.#store.context.clock.schedule(waitMs, () => void this.#run())
  }

  async #untilNext(): Promise<number> {
    const next = ['ZRANGE', `${this.#prefix}later`, '0', '0', 'WITHSCORES']
    const [, due] = (await this.#store.link.command(next)) as string[]
    return due === undefined ? pollMs : Math.max(1, Number(due) - this.#store.now)
  }

  async #moveSome(): Promise<number> {
    const { link, now } = this.#store
    const key = `${this.#prefix}later`
    const range = ['ZRANGEBYSCORE', key, '-inf', String(now), 'LIMIT', '0', String(moveCount)]
    const ids = (await link.command(range)) as string[]
    if (ids.length === 0) return 0
    const names = ids.map(id => `${this.#prefix}m:${id}`)
    await this.#store.exchange(names, async watching => {
      const all = await Promise.all(names.map(name => readHash(watching, name)))
      const commands = all.flatMap((fields, index) => [
        ...this.#moving(fields),
        ['ZREM', key, ids[index]!],
        ['DEL', names[index]!],
      ])
      return { commands, value: undefined }
    })
    return ids.length
  }

  /** Nothing, when another mover or a cancellation was faster. */
  #moving(fields: readonly Arg[]): Command[] {
    const kept: Arg[] = []
    let suffix: string | undefined
    for (let at = 0; at + 1 < fields.length; at += 2) {
      if (String(fields[at]) === '~stream') suffix = String(fields[at + 1])
      else kept.push(fields[at]!, fields[at + 1]!)
    }
    return suffix === undefined ? [] : [['XADD', keyOf(this.#name, suffix), '*', ...kept]]
  }
}

async function readHash(link: Link, key: string): Promise<readonly Arg[]> {
  return (await link.bytes(['HGETALL', key])) as Buffer[]
}
