/** Looking at dead letters without touching them, and sending back those that are chosen. */

import type { Queue, Topic } from './contracts.ts'
import type { Delivery, Endpoint, Headers, Outgoing, Stored } from './driver.ts'
import { ClientError, type ShapeIssue } from './errors.ts'
import { keyOf } from './message.ts'
import { plainOutgoing, receiptsOf } from './sending.ts'
import type { Session } from './session.ts'
import { sendRejected, validate } from './validation.ts'
import { deathHeaders, decodeBody, encodeBody, headerNames } from './wire.ts'

export interface DeadLetter {
  readonly id: string
  /** As it was sent: it need not fit the schema, which may be why it is here. */
  readonly body: unknown
  readonly key: string | undefined
  readonly error: {
    readonly name: string
    readonly message: string
    /** `rejected`, `attempts`, `schema` or `key`. */
    readonly reason: string
    readonly issues: readonly ShapeIssue[]
  }
  /** The last call of its handler. */
  readonly attempt: number
  /** The queue, or the topic and group, that it died in. */
  readonly source: string
  /** Wall-clock milliseconds. */
  readonly diedAt: number
  readonly headers: Headers
  readonly position: string
}

export interface RedriveOptions {
  /** Which ones; default: all. */
  readonly where?: ((letter: DeadLetter) => boolean) | undefined
  readonly limit?: number | undefined
  readonly ratePerSecond?: number | undefined
  /** Only counts. */
  readonly dryRun?: boolean | undefined
  /** A new body, which must fit the schema. */
  readonly edit?: ((body: unknown, letter: DeadLetter) => unknown) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface RedriveResult {
  readonly looked: number
  readonly matched: number
  readonly redriven: number
}

/** What `dryRun` looks at, at most: it must not lease what it counts. */
const dryRunMax = 100_000
const takeCount = 50
const leaseMs = 30_000

export class DeadLetters {
  readonly #session: Session
  readonly #contract: Queue<unknown> | Topic<unknown>
  readonly #endpoint: Endpoint
  readonly #main: Endpoint
  readonly #group: string | undefined

  constructor(
    session: Session,
    contract: Queue<unknown> | Topic<unknown>,
    places: {
      readonly main: Endpoint
      readonly dead: Endpoint
      readonly group: string | undefined
    },
  ) {
    this.#session = session
    this.#contract = contract
    this.#main = places.main
    this.#endpoint = places.dead
    this.#group = places.group
  }

  /** The oldest first. Nothing changes. */
  async *peek(options: { readonly limit?: number } = {}): AsyncGenerator<DeadLetter> {
    const { limit = 100 } = options
    for (const stored of await this.#peek(limit)) yield letterOf(stored)
  }

  async #peek(countMax: number): Promise<readonly Stored[]> {
    const { driver } = this.#session
    await this.#session.prepare(this.#endpoint)
    this.#session.require('peek', this.#endpoint)
    return driver.peek(this.#endpoint, { countMax })
  }

  async count(): Promise<number> {
    await this.#session.prepare(this.#endpoint)
    const { ready, leased } = await this.#session.driver.depth(this.#endpoint)
    return ready + leased
  }

  async purge(): Promise<number | undefined> {
    await this.#session.prepare(this.#endpoint)
    return this.#session.driver.purge(this.#endpoint)
  }

  /**
   * Sends back what `where` accepts: the same id, key and headers, a first attempt again. A letter
   * that dies again meanwhile is left for the next time.
   */
  async redrive(options: RedriveOptions = {}): Promise<RedriveResult> {
    const { where = () => true, limit = Number.POSITIVE_INFINITY } = options
    if (options.dryRun === true) {
      const letters = (await this.#peek(dryRunMax)).map(letterOf)
      const matched = letters.filter(where).length
      return { looked: letters.length, matched: Math.min(matched, limit), redriven: 0 }
    }
    await this.#session.prepare(this.#main)
    await this.#session.prepare(this.#endpoint)
    const startedAt = this.#session.now
    const held: Delivery[] = []
    let looked = 0
    let redriven = 0
    try {
      while (redriven < limit && options.signal?.aborted !== true) {
        const countMax = Math.min(takeCount, limit - redriven)
        const taken = await this.#session.driver.take(this.#endpoint, { countMax, leaseMs })
        if (taken.length === 0) break
        held.push(...taken)
        for (const delivery of taken) {
          const letter = letterOf(delivery)
          looked++
          if (letter.diedAt > startedAt || !where(letter)) continue
          await this.#sendBack(delivery, letter, options)
          held.splice(held.indexOf(delivery), 1)
          redriven++
          await this.#pace(options.ratePerSecond)
        }
      }
    } finally {
      await Promise.all(held.reverse().map(delivery => delivery.settle({ kind: 'release' })))
    }
    return { looked, matched: redriven, redriven }
  }

  async #sendBack(delivery: Delivery, letter: DeadLetter, { edit }: RedriveOptions): Promise<void> {
    const message = await this.#revived(delivery, letter, edit)
    const { driver } = this.#session
    if (driver.support('consume-publish', this.#endpoint).how === 'native') {
      const settle = [{ delivery, settlement: { kind: 'done' } as const }]
      receiptsOf([message], await driver.commit({ send: [message], settle }))
      return
    }
    receiptsOf([message], await this.#session.send([message]))
    await delivery.settle({ kind: 'done' })
  }

  async #revived(
    delivery: Delivery,
    letter: DeadLetter,
    edit: RedriveOptions['edit'],
  ): Promise<Outgoing> {
    const headers: { [name: string]: string } = { ...delivery.headers }
    for (const name of deathHeaders) delete headers[name]
    const { id } = letter
    const to = this.#main
    const plain = { ...plainOutgoing, to, group: this.#group, id, headers }
    if (edit === undefined) return { ...plain, key: letter.key, body: delivery.body }
    const value = edit(letter.body, letter)
    const checked = await validate(this.#contract.schema, value)
    if (!checked.ok) throw sendRejected(this.#contract.name, checked.issues)
    const { body, contentType } = encodeBody(value)
    headers[headerNames.contentType] = contentType
    const key = this.#contract.keyOf?.(checked.value)
    if (key !== undefined) headers[headerNames.key] = key
    return { ...plain, key, body }
  }

  #pace(ratePerSecond: number | undefined): Promise<void> {
    if (ratePerSecond === undefined) return Promise.resolve()
    if (!(ratePerSecond > 0)) {
      const why = `ratePerSecond is a number above 0, not ${ratePerSecond}.`
      throw new ClientError({ code: 'SPILLWAY_E_OPTION', why })
    }
    return new Promise(resolve => {
      this.#session.context.clock.schedule(1000 / ratePerSecond, resolve)
    })
  }
}

function letterOf(stored: Stored): DeadLetter {
  const { headers, body, position } = stored
  const decoded = decodeBody(body, headers)
  return {
    id: headers[headerNames.id] ?? stored.id,
    body: 'value' in decoded ? decoded.value : body,
    key: keyOf(stored),
    error: {
      name: headers[headerNames.error] ?? 'Error',
      message: headers[headerNames.errorMessage] ?? '',
      reason: headers[headerNames.errorReason] ?? 'unknown',
      issues: issuesOf(headers[headerNames.errorIssues]),
    },
    attempt: Number(headers[headerNames.attempt] ?? 0),
    source: headers[headerNames.source] ?? '',
    diedAt: Number(headers[headerNames.deadAt] ?? stored.time),
    headers,
    position,
  }
}

function issuesOf(text: string | undefined): readonly ShapeIssue[] {
  if (text === undefined) return []
  try {
    return JSON.parse(text) as readonly ShapeIssue[]
  } catch {
    // It was too long for a header and has been cut.
    return [{ path: '', message: text }]
  }
}
