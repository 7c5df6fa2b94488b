/**
 * What the parts of one driver share: the connection for commands, a second one for steps that
 * first look and then change (`WATCH`), the layouts that are known, and the server's time.
 */

import type { DriverContext, Endpoint } from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import { findLayout, type Layout, makeGroups, plainLayout, prepareLayout } from './layout.ts'
import { type Command, Link, type LinkWatch, type Reply } from './link.ts'

export class Store {
  readonly link: Link
  readonly context: DriverContext
  readonly #layouts = new Map<string, Layout>()
  #watching: Promise<Link> | undefined
  #turn: Promise<unknown> = Promise.resolve()
  /** The server's wall clock less ours, in milliseconds. */
  #ahead = 0
  #idsMade = 0
  /** Changes with each start of the server. */
  #runId: string | undefined
  readonly #links = new Set<Link>()

  private constructor(link: Link, context: DriverContext) {
    this.link = link
    this.context = context
  }

  static async open(url: string, context: DriverContext, watch: LinkWatch): Promise<Store> {
    const link = await Link.open(url, context, watch)
    const store = new Store(link, context)
    await store.readTime()
    store.#runId = await store.#readRunId()
    return store
  }

  /** Dues and retentions go by the server's clock, for all clients the same. */
  get now(): number {
    return this.context.clock.now() + this.#ahead
  }

  async readTime(): Promise<void> {
    const { clock } = this.context
    const before = clock.now()
    const [seconds, microseconds] = (await this.link.command(['TIME'])) as string[]
    const there = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
    this.#ahead = Math.round(there - (before + clock.now()) / 2)
  }

  /** Unlike any other, of any client. */
  newId(): string {
    const { random } = this.context
    const [first, second] = [random.uint32(), random.uint32()]
    return `${first.toString(36)}${second.toString(36)}${(this.#idsMade++).toString(36)}`
  }

  async prepare(endpoint: Endpoint): Promise<Layout> {
    const layout =
      endpoint.role === 'replies'
        ? plainLayout(endpoint.name)
        : await prepareLayout(this.link, endpoint, this.newId())
    if (endpoint.role === 'replies') await makeGroups(this.link, layout)
    this.#layouts.set(endpoint.name, layout)
    return layout
  }

  /** Known since it was prepared, or asked now: it may be of another maker. */
  layoutOf(endpoint: Endpoint): Layout | Promise<Layout> {
    const known = this.#layouts.get(endpoint.name)
    if (known !== undefined) return known
    // The queue of another client, which is gone with it.
    if (endpoint.role === 'replies') return plainLayout(endpoint.name)
    return this.#find(endpoint.name)
  }

  async #find(name: string): Promise<Layout> {
    const layout = await findLayout(this.link, name)
    if (layout === undefined) throw notFound(name)
    await makeGroups(this.link, layout)
    this.#layouts.set(name, layout)
    return layout
  }

  async #readRunId(): Promise<string | undefined> {
    // Where INFO is refused, nobody can tell.
    const info = String(await this.link.command(['INFO', 'server']).catch(() => ''))
    return /run_id:(\w+)/.exec(info)?.[1]
  }

  /** Since we came: what it had in memory only is gone. */
  async hasRestarted(): Promise<boolean> {
    const runId = await this.#readRunId()
    return runId !== undefined && runId !== this.#runId
  }

  forget(name: string): void {
    this.#layouts.delete(name)
  }

  /**
   * Looks, then changes, all or nothing: `look` reads what `keys` hold and says what to do, which
   * is done if nobody has touched them meanwhile; otherwise it looks again. One at a time.
   */
  async exchange<T>(
    keys: readonly string[],
    look: (link: Link) => Promise<{ readonly commands: readonly Command[]; readonly value: T }>,
  ): Promise<{ readonly value: T; readonly replies: readonly Reply[] }> {
    const turn = this.#turn.then(() => this.#exchange(keys, look))
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #exchange<T>(
    keys: readonly string[],
    look: (link: Link) => Promise<{ readonly commands: readonly Command[]; readonly value: T }>,
  ): Promise<{ readonly value: T; readonly replies: readonly Reply[] }> {
    this.#watching ??= this.openLink()
    this.#watching.catch(() => {
      this.#watching = undefined
    })
    const link = await this.#watching
    for (;;) {
      await link.ready()
      const { epoch } = link
      const watching = link.command(['WATCH', ...keys])
      watching.catch(() => {})
      const { commands, value } = await look(link)
      await watching
      // What was watched by a connection that is gone is watched no more.
      if (link.epoch !== epoch) continue
      if (commands.length === 0) {
        await link.command(['UNWATCH'])
        return { value, replies: [] }
      }
      const replies = await link.together(commands)
      if (replies !== undefined) return { value, replies }
    }
  }

  /** A further connection, for what waits there; closed with the driver at the latest. */
  async openLink(): Promise<Link> {
    const link = await this.link.duplicate()
    for (const one of this.#links) if (one.isClosed) this.#links.delete(one)
    this.#links.add(link)
    if (this.link.isClosed) link.close()
    return link
  }

  close(): void {
    this.link.close()
    for (const link of this.#links) link.close()
  }
}

export function notFound(name: string): ClientError {
  const why = `${name}: there is nothing of that name.`
  return new ClientError({ code: 'SPILLWAY_E_NOT_FOUND', backend: 'redis', why })
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ClientError && error.code === 'SPILLWAY_E_NOT_FOUND'
}
