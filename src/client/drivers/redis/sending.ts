/**
 * The way in. A message is one `XADD`; a delayed one is a hash and its due time, in one step; one
 * with a deduplication id is stored in the step in which its id is remembered, so that an id is
 * never known without its message.
 */

import type { Outgoing, SendResult } from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import { fieldsOf } from './entry.ts'
import type { Layout } from './layout.ts'
import type { Arg, Command, Reply } from './link.ts'
import { keyOf, levelSuffix, partitionOf, positionOf } from './names.ts'
import type { Store } from './store.ts'

/** Duplicates are looked for in groups: so many ids are watched at a time. */
const exchangeCount = 200
const trimEveryMs = 1000

/** What stores one message, and how its reply reads. */
export interface Storing {
  readonly commands: readonly Command[]
  /** From the reply to the first command. */
  result(reply: Reply): SendResult
}

/** The stream that a message goes to, as part of its positions. */
function suffixOf(layout: Layout, { key, id, priority, group }: Outgoing): string {
  if (group !== undefined) return `g:${group}:again`
  if (layout.partitions === 0) return levelSuffix(Math.min(priority, layout.levels - 1))
  return `k${partitionOf(key === undefined || key === '' ? id : key, layout.partitions)}`
}

export function storing(store: Store, layout: Layout, message: Outgoing): Storing {
  const { name } = layout
  const suffix = suffixOf(layout, message)
  const fields = fieldsOf(name, message)
  if (message.delayMs > 0) {
    const at = store.now + message.delayMs
    return delaying({ name, prefix: `{${name}}:`, suffix }, store.newId(), at, fields)
  }
  // Whoever waited for a reply may be gone, and its queue with it: nobody would read a new one.
  const flags = message.to.role === 'replies' ? ['NOMKSTREAM'] : []
  return {
    commands: [['XADD', keyOf(name, suffix), ...flags, '*', ...fields]],
    result: reply => {
      if (reply === null) return { ok: false, error: nobodyWaits(name) }
      return { ok: true, duplicate: false, position: positionOf(suffix, String(reply)) }
    },
  }
}

/** Kept until it is due, then put at the end of the stream `{NAME}:SUFFIX`. */
export function delaying(
  where: { readonly name: string; readonly prefix: string; readonly suffix: string },
  id: string,
  at: number,
  fields: readonly Arg[],
): Storing {
  const { prefix, suffix } = where
  return {
    commands: [
      ['ZADD', `${prefix}later`, String(at), id],
      ['HSET', `${prefix}m:${id}`, ...fields, '~stream', suffix],
    ],
    result: () => ({ ok: true, duplicate: false, position: `later:${id}` }),
  }
}

interface Unique {
  readonly layout: Layout
  readonly message: Outgoing
  readonly resolve: (result: SendResult) => void
}

export class Sender {
  readonly #store: Store
  readonly #trimmed = new Map<string, number>()
  #unique: Unique[] = []
  #isStoring = false

  constructor(store: Store) {
    this.#store = store
  }

  async send(messages: readonly Outgoing[]): Promise<readonly SendResult[]> {
    const layouts: Layout[] = []
    for (const { to } of messages) {
      const layout = this.#store.layoutOf(to)
      layouts.push(layout instanceof Promise ? await layout : layout)
    }
    const results = messages.map((message, index) => {
      const layout = layouts[index]!
      if (message.dedupeId === undefined) return this.#storeOne(layout, message)
      return new Promise<SendResult>(resolve => this.#unique.push({ layout, message, resolve }))
    })
    void this.#storeAllUnique()
    this.#trim(messages)
    return Promise.all(results)
  }

  /** One that is one command, to a layout that is known; false: `send` it. */
  post(message: Outgoing, done: (result: SendResult) => void): boolean {
    if (message.dedupeId !== undefined || message.delayMs > 0) return false
    const layout = this.#store.layoutOf(message.to)
    if (layout instanceof Promise) return false
    const { commands, result } = storing(this.#store, layout, message)
    const isPosted = this.#store.link.post(commands[0]!, (reply, error) => {
      done(error === undefined ? result(reply) : failed(error))
    })
    if (isPosted && message.to.retentionMs !== undefined) this.#trim([message])
    return isPosted
  }

  /** Those that came while one group was on its way are the next group. */
  async #storeAllUnique(): Promise<void> {
    if (this.#isStoring) return
    this.#isStoring = true
    while (this.#unique.length > 0) {
      const some = this.#unique.splice(0, exchangeCount)
      const results = await this.#storeUnique(some).catch(error => some.map(() => failed(error)))
      for (const [index, { resolve }] of some.entries()) resolve(results[index]!)
    }
    this.#isStoring = false
  }

  async #storeOne(layout: Layout, message: Outgoing): Promise<SendResult> {
    const { commands, result } = storing(this.#store, layout, message)
    const { link } = this.#store
    try {
      if (commands.length === 1) return result(await link.command(commands[0]!))
      return result((await link.together(commands))![0])
    } catch (error) {
      return failed(error)
    }
  }

  async #storeUnique(
    all: readonly Pick<Unique, 'layout' | 'message'>[],
  ): Promise<readonly SendResult[]> {
    const markers = all.map(({ layout, message }) => markerOf(layout, message))
    const { value, replies } = await this.#store.exchange([...new Set(markers)], async link => {
      const found = (await link.command(['MGET', ...markers])) as (string | null)[]
      const known = new Map<string, string>()
      const commands: Command[] = []
      const outcomes = all.map(({ layout, message }, index) => {
        const marker = markers[index]!
        const earlier = found[index] ?? known.get(marker)
        if (earlier !== undefined && earlier !== null) return undefined
        known.set(marker, message.id)
        commands.push(rememberDuplicate(marker, message))
        const { commands: own, result } = storing(this.#store, layout, message)
        const place = commands.length
        commands.push(...own)
        return { place, result }
      })
      return { commands, value: outcomes }
    })
    return value.map(outcome =>
      outcome === undefined
        ? { ok: true, duplicate: true, position: undefined }
        : outcome.result(replies[outcome.place]),
    )
  }

  /** What is older than the topic's retention goes, now and then; never by a count. */
  #trim(messages: readonly Outgoing[]): void {
    for (const { to } of messages) {
      if (to.retentionMs === undefined) continue
      const monotonic = this.#store.context.clock.monotonic()
      if (monotonic - (this.#trimmed.get(to.name) ?? -trimEveryMs) < trimEveryMs) continue
      this.#trimmed.set(to.name, monotonic)
      const oldest = Math.max(0, this.#store.now - to.retentionMs)
      this.#store.link.command(['XTRIM', to.name, 'MINID', String(oldest)]).catch(error => {
        this.#store.context.emit({ kind: 'error', error })
      })
    }
  }
}

/** The key that remembers a deduplication id. */
export function markerOf({ name, generation }: Layout, { dedupeId }: Outgoing): string {
  return keyOf(name, `d:${generation}:${dedupeId}`)
}

export function rememberDuplicate(marker: string, { id, to }: Outgoing): Command {
  return ['SET', marker, id, 'PX', String(Math.max(1, Math.ceil(to.dedupeMs ?? 1)))]
}

function failed(error: unknown): SendResult {
  return { ok: false, error: error as Error }
}

function nobodyWaits(name: string): ClientError {
  const why = `nobody waits for this reply any more: ${name} is gone.`
  return new ClientError({ code: 'SPILLWAY_E_NOT_FOUND', backend: 'redis', why })
}
