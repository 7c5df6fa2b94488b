/**
 * A backend that the studio looks at through the client's driver. It is asked when a page asks, and
 * no more often than `lookMs`; nothing is made there, and nothing is changed but by a command.
 */

import { viewBody } from '../../admin/views.ts'
import { Bus as OpenBus } from '../../client/bus.ts'
import {
  type Bus,
  type DeadLetter,
  type Queue,
  queue,
  type RedriveResult,
  type Topic,
  topic,
} from '../../client/client.ts'
import type { BusEvent, Endpoint, Listed, Stored } from '../../client/driver.ts'
import { deadLettersOf, endpointOf } from '../../client/endpoints.ts'
import { ClientError } from '../../client/errors.ts'
import { features } from '../../client/features.ts'
import type { Session } from '../../client/session.ts'
import type {
  Ability,
  Attached,
  AttachedDepth,
  AttachedLetter,
  AttachedListing,
  AttachedMessage,
  AttachedRedrive,
  AttachedSend,
  Watched,
  WatchRequest,
} from './contract.ts'

/** SQS is paid for by the call. */
const lookMs: { readonly [backend: string]: number } = { sqs: 5000 }
const lookMsDefault = 1000
/** A list of all is a look at the whole backend. */
const listMs = 5000
const recentCount = 60
/** What a look at messages shows, of how many and of each. */
export const messagesMax = 200
const bodyBytesShown = 64 * 1024
const watchedMax = 200

type Contract = Queue<unknown> | Topic<unknown>

interface Watch {
  readonly contract: Contract
  readonly endpoint: Endpoint
  readonly dead: Endpoint | undefined
  depth: AttachedDepth | null
  problem: string | null
  deadCount: number | null
  readonly recent: number[]
}

export class AttachedBackend {
  readonly #bus: Bus
  readonly #session: Session
  readonly #about: { readonly url: string; readonly readOnly: boolean }
  readonly #watches = new Map<string, Watch>()
  #problem: string | null = null
  #lookedAt = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | undefined
  #listed: readonly Listed[] = []
  #listing: Promise<AttachedListing> | undefined
  #listedAt = Number.NEGATIVE_INFINITY

  constructor(bus: Bus, about: { readonly url: string; readonly readOnly: boolean }) {
    this.#bus = bus
    this.#session = OpenBus.sessionOf(bus)
    this.#about = { ...about, url: withoutPassword(about.url) }
  }

  get backend(): string {
    return this.#bus.backend
  }

  /** What the driver tells besides answers. */
  onEvent(event: BusEvent): void {
    if (event.kind === 'connected') this.#problem = null
    if (event.kind === 'disconnected') this.#problem = event.error.message
  }

  async view(): Promise<Attached> {
    await this.#look()
    const watched = [...this.#watches.values()].map(viewWatch)
    const { url, readOnly } = this.#about
    return { backend: this.backend, url, readOnly, problem: this.#problem, watched }
  }

  /** What is there, whoever made it. */
  listing(): Promise<AttachedListing> {
    const { now } = this.#session
    if (this.#listing !== undefined && now - this.#listedAt < listMs) return this.#listing
    this.#listedAt = now
    this.#listing = this.#list()
    this.#listing.catch(() => {
      this.#listing = undefined
    })
    return this.#listing
  }

  async #list(): Promise<AttachedListing> {
    const listing = await this.#session.driver.list?.()
    if (listing === undefined) return { found: null, notes: [] }
    this.#listed = listing.found
    const found = listing.found.map(({ name, kind }) => ({ name, kind }))
    return { found, notes: listing.notes }
  }

  /** Rejects when it is not there: a studio makes no queue by looking for it. */
  async watch({ name, kind }: WatchRequest): Promise<void> {
    if (this.#watches.has(name)) return
    if (this.#watches.size >= watchedMax) {
      throw new ClientError({
        code: 'SPILLWAY_E_LIMIT',
        why: `${watchedMax} are watched already.`,
      })
    }
    const listed = this.#listed.find(one => one.name === name && one.kind === kind)
    const contract = contractOf({ name, kind }, listed, listed?.keyed === true ? '' : undefined)
    const endpoint = endpointOf(contract)
    await this.#session.driver.depth(endpoint)
    await this.#session.adopt(endpoint)
    const dead = deadLettersOf(contract)
    const watch: Watch = {
      contract,
      endpoint,
      dead,
      depth: null,
      problem: null,
      deadCount: null,
      recent: [],
    }
    await this.#lookAt(watch)
    this.#watches.set(name, watch)
  }

  unwatch(name: string): boolean {
    return this.#watches.delete(name)
  }

  async abilities(name: string): Promise<readonly Ability[]> {
    const rows = await this.#bus.plan(this.#contract(name))
    return rows
      .filter(({ how }) => how !== 'ignored')
      .map(({ feature, how, why, instead }) => ({
        feature,
        text: features[feature],
        how: how as Ability['how'],
        why,
        instead,
      }))
  }

  async messages(name: string, countMax: number): Promise<readonly AttachedMessage[]> {
    const { endpoint } = this.#watch(name)
    this.#session.require('peek', endpoint)
    const found = await this.#session.driver.peek(endpoint, { countMax })
    return found.map(viewStored)
  }

  async letters(name: string, limit: number): Promise<readonly AttachedLetter[]> {
    const dead = await this.#deadOf(name)
    const found = await this.#session.driver.peek(dead, { countMax: limit })
    const letters = this.#bus.dlq(this.#contract(name) as Queue<unknown>)
    const byPosition = new Map<string, DeadLetter>()
    for await (const letter of letters.peek({ limit })) byPosition.set(letter.position, letter)
    return found.flatMap(stored => {
      const letter = byPosition.get(stored.position)
      if (letter === undefined) return []
      const { id, error, attempt, diedAt } = letter
      return [{ ...viewStored(stored), id, error, attempt, diedAt }]
    })
  }

  async redrive(name: string, wanted: AttachedRedrive): Promise<RedriveResult> {
    await this.#deadOf(name)
    const { error, ids, dryRun, ratePerSecond } = wanted
    const chosen = ids === undefined ? undefined : new Set(ids)
    const letters = this.#bus.dlq(this.#contract(name) as Queue<unknown>)
    return await letters.redrive({
      where: letter =>
        (error === undefined || letter.error.name === error) &&
        (chosen === undefined || chosen.has(letter.id)),
      dryRun,
      ratePerSecond,
    })
  }

  async send(name: string, { body, key, delayMs, headers = {} }: AttachedSend): Promise<void> {
    const { endpoint } = this.#watch(name)
    const keyed = key === undefined ? this.#contract(name) : contractOf(endpoint, endpoint, key)
    const bytes = new TextEncoder().encode(body)
    const options = { headers: { 'content-type': typeOf(body), ...headers } }
    if (keyed.kind === 'topic') await this.#bus.publish(keyed, bytes, options)
    else await this.#bus.send(keyed, bytes, { ...options, delay: delayMs })
  }

  async purge(name: string): Promise<number | null> {
    const { endpoint } = this.#watch(name)
    this.#session.require('purge', endpoint)
    return (await this.#session.driver.purge(endpoint)) ?? null
  }

  #watch(name: string): Watch {
    const watch = this.#watches.get(name)
    if (watch !== undefined) return watch
    throw new ClientError({ code: 'SPILLWAY_E_UNWATCHED', why: `${name} is not watched here.` })
  }

  #contract(name: string): Contract {
    return this.#watch(name).contract
  }

  /** Its dead letters' queue, which must be there. */
  async #deadOf(name: string): Promise<Endpoint> {
    const { dead } = this.#watch(name)
    if (dead === undefined) {
      throw new ClientError({
        code: 'SPILLWAY_E_NO_DEAD_LETTERS',
        why: `A topic's dead letters are kept for each group: watch the queue ${name}.GROUP.dlq.`,
      })
    }
    this.#session.require('peek', dead)
    await this.#session.driver.depth(dead)
    await this.#session.adopt(dead)
    return dead
  }

  /** At most every `lookMs`, however many pages ask. */
  async #look(): Promise<void> {
    const { now } = this.#session
    if (now - this.#lookedAt < (lookMs[this.backend] ?? lookMsDefault)) return this.#looking
    this.#lookedAt = now
    const watches = [...this.#watches.values()]
    this.#looking = Promise.all(watches.map(watch => this.#lookAt(watch))).then(() => undefined)
    return this.#looking
  }

  async #lookAt(watch: Watch): Promise<void> {
    const { driver } = this.#session
    try {
      watch.depth = await driver.depth(watch.endpoint)
      watch.problem = null
      watch.recent.push(watch.depth.ready)
      if (watch.recent.length > recentCount) watch.recent.shift()
    } catch (error) {
      watch.depth = null
      watch.problem = (error as Error).message
    }
    if (watch.dead === undefined) return
    watch.deadCount = await driver.depth(watch.dead).then(
      ({ ready, leased, delayed }) => ready + leased + delayed,
      () => null,
    )
  }
}

/** As its owner may have written it, as far as it can be seen from outside. */
function contractOf(
  { name, kind }: WatchRequest,
  listed: Pick<Listed, 'options'> | undefined,
  key: string | undefined,
): Contract {
  const options = {
    options: listed?.options,
    key: key === undefined ? undefined : () => key,
  }
  return kind === 'queue' ? queue<unknown>(name, options) : topic<unknown>(name, options)
}

function viewWatch({ endpoint, dead, depth, problem, deadCount, recent }: Watch): Watched {
  return {
    name: endpoint.name,
    kind: endpoint.kind,
    depth,
    problem,
    recent: [...recent],
    dead: dead === undefined || deadCount === null ? null : { queue: dead.name, count: deadCount },
  }
}

function viewStored({ id, position, time, key, headers, body }: Stored): AttachedMessage {
  const shown = viewBody(body, bodyBytesShown)
  return { id, position, time, key: key ?? null, headers: { ...headers }, body: shown }
}

function typeOf(body: string): string {
  try {
    JSON.parse(body)
    return 'application/json'
  } catch {
    return 'text/plain; charset=utf-8'
  }
}

/** Of every URL in it: that of a management API may stand in the query. */
function withoutPassword(url: string): string {
  return url.replace(/([a-z0-9+.-]+:\/\/)([^@/?]*)@/gi, (_, scheme: string, who: string) => {
    const name = who.split(':')[0] ?? ''
    return name === '' ? scheme : `${scheme}${name}@`
  })
}
