/**
 * What the parts of one bus share: the driver, the settings, what has been prepared, and the way
 * out for messages, with its bounds.
 */

import { Deadlines } from './deadlines.ts'
import type { BusEvent, Driver, DriverContext, Endpoint, Outgoing, SendResult } from './driver.ts'
import { ClientError, TimeoutError, UnsupportedError } from './errors.ts'
import { emulationRefused, type Feature, refusal } from './features.ts'
import { type Receipt, receiptOf, receiptsOf } from './sending.ts'
import { observedDriver, type Telemetry } from './telemetry.ts'

export interface Settings {
  readonly name: string
  readonly emulate: 'allow' | 'warn' | 'refuse'
  readonly confirmMs: number
  readonly bufferCount: number
  readonly bufferBytes: number
}

export interface AdoptOptions {
  /** False: what is missing is an error, with the code `SPILLWAY_E_NOT_FOUND`. Default true. */
  readonly create?: boolean | undefined
}

export class Session {
  readonly driver: Driver
  readonly context: DriverContext
  readonly settings: Settings
  /** Told of each handler call; sends are observed at the driver. */
  readonly telemetry: Telemetry | undefined
  isClosed = false
  readonly #prepared = new Map<string, Promise<void>>()
  /** Those whose preparation is over, by the objects that they were prepared with. */
  #ready = new WeakSet<Endpoint>()
  readonly #deadlines: Deadlines
  /** Sends on their way to the driver, which none that comes later may overtake. */
  #approaching = 0
  readonly #warned = new Set<string>()
  #waitingCount = 0
  #waitingBytes = 0

  constructor(
    driver: Driver,
    context: DriverContext,
    settings: Settings,
    telemetry: Telemetry | undefined,
  ) {
    this.driver = telemetry === undefined ? driver : observedDriver(driver, telemetry)
    this.context = context
    this.settings = settings
    this.telemetry = telemetry
    this.#deadlines = new Deadlines(context.clock, settings.confirmMs)
  }

  get now(): number {
    return this.context.clock.now()
  }

  emit(event: BusEvent): void {
    this.context.emit(event)
  }

  /** Once for each endpoint; again after a failure. */
  prepare(endpoint: Endpoint): Promise<void> {
    this.checkOpen()
    const known = this.#prepared.get(placeOf(endpoint))
    if (known !== undefined) return known
    const preparing = this.driver.prepare(endpoint)
    this.#prepared.set(placeOf(endpoint), preparing)
    preparing.then(
      () => this.#ready.add(endpoint),
      () => this.#prepared.delete(placeOf(endpoint)),
    )
    return preparing
  }

  /**
   * Uses what is there as it is, and makes only what is missing: for tools that know a name, and
   * not how its owner set it up.
   */
  async adopt(endpoint: Endpoint, { create = true }: AdoptOptions = {}): Promise<void> {
    this.checkOpen()
    const missing = await this.driver.depth(endpoint).then(
      () => undefined,
      error => error as Error,
    )
    if (missing === undefined) this.#prepared.set(placeOf(endpoint), Promise.resolve())
    else if (missing instanceof UnsupportedError) throw missing
    else if (create) await this.prepare(endpoint)
    else throw notThere(endpoint, this.driver.backend, missing)
  }

  isPrepared(endpoint: Endpoint): boolean {
    return this.#prepared.has(placeOf(endpoint))
  }

  forget(endpoint: Endpoint): void {
    this.#prepared.delete(placeOf(endpoint))
    this.#ready = new WeakSet()
  }

  /** Throws when the backend cannot, or may not emulate; tells once when it does emulate. */
  require(feature: Feature, endpoint: Endpoint, detail = `contract ${endpoint.name}`): void {
    const support = this.driver.support(feature, endpoint)
    if (support.how === 'native') return
    const { backend } = this.driver
    if (support.how === 'impossible') throw refusal(support, backend, detail)
    if (this.settings.emulate === 'allow') return
    const about = { backend, contract: endpoint.name }
    if (this.settings.emulate === 'refuse') throw emulationRefused(feature, support.cost, about)
    const key = `${feature} ${endpoint.name}`
    if (this.#warned.has(key)) return
    this.#warned.add(key)
    this.emit({ kind: 'emulated', feature, cost: support.cost })
  }

  checkOpen(): void {
    if (!this.isClosed) return
    throw new ClientError({ code: 'SPILLWAY_E_CLOSED', why: 'this bus is closed.' })
  }

  /**
   * A message is sent in the call itself when there is nothing to wait for. Otherwise, and as long
   * as such a one has not reached the driver, it waits its turn.
   */
  post(drafts: Outgoing[] | Promise<Outgoing[]>, prepare: () => Promise<void>): Promise<Receipt[]> {
    if (drafts instanceof Promise || this.#approaching > 0) return this.#postLater(drafts, prepare)
    if (drafts.length === 0) return Promise.resolve([])
    if (!this.#ready.has(drafts[0]!.to)) return this.#postLater(drafts, prepare)
    const bytes = this.#reserve(drafts)
    if (drafts.length > 1) return this.#sendReserved(drafts, bytes, receiptsOf)
    const [message] = drafts as [Outgoing]
    return new Promise((resolve, reject) => {
      const deadline = this.#deadlines.begin(() => reject(this.#unconfirmed(message)))
      const done = (result: SendResult): void => {
        deadline.cancel()
        this.#waitingCount--
        this.#waitingBytes -= bytes
        if (result.ok) resolve([receiptOf(message, result)])
        else reject(result.error)
      }
      if (this.driver.post?.(message, done) === true) return
      deadline.cancel()
      resolve(this.#sendReserved(drafts, bytes, receiptsOf))
    })
  }

  async #postLater(
    drafts: Outgoing[] | Promise<Outgoing[]>,
    prepare: () => Promise<void>,
  ): Promise<Receipt[]> {
    this.#approaching++
    let sending: Promise<Receipt[]>
    try {
      const messages = await drafts
      if (messages.length === 0) return []
      await prepare()
      this.#ready.add(messages[0]!.to)
      sending = this.#sendReserved(messages, this.#reserve(messages), receiptsOf)
    } finally {
      this.#approaching--
    }
    return sending
  }

  /** Confirmed, or an error in its place; rejects when the buffer is full. */
  async send(messages: readonly Outgoing[]): Promise<readonly SendResult[]> {
    return this.#sendReserved(messages, this.#reserve(messages), (_, results) => results)
  }

  #reserve(messages: readonly Outgoing[]): number {
    this.checkOpen()
    let bytes = 0
    for (const { body } of messages) bytes += body.length
    this.#admit(messages, bytes)
    this.#waitingCount += messages.length
    this.#waitingBytes += bytes
    return bytes
  }

  /** The room is taken until the driver has answered, however long the caller waits for that. */
  #sendReserved<T>(
    messages: readonly Outgoing[],
    bytes: number,
    read: (messages: readonly Outgoing[], results: readonly SendResult[]) => T,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const deadline = this.#deadlines.begin(() => reject(this.#unconfirmed(messages[0]!)))
      const answered = (): void => {
        deadline.cancel()
        this.#waitingCount -= messages.length
        this.#waitingBytes -= bytes
      }
      const succeeded = (results: readonly SendResult[]): void => {
        answered()
        try {
          resolve(read(messages, results))
        } catch (error) {
          reject(error)
        }
      }
      const failed = (error: unknown): void => {
        answered()
        reject(error)
      }
      this.driver.send(messages).then(succeeded, failed)
    })
  }

  #admit(messages: readonly Outgoing[], bytes: number): void {
    const { bufferCount, bufferBytes } = this.settings
    const isFull =
      this.#waitingCount + messages.length > bufferCount || this.#waitingBytes + bytes > bufferBytes
    // One that is larger than the whole buffer may go alone.
    if (!isFull || (this.#waitingCount === 0 && messages.length <= bufferCount)) return
    const waiting = `${this.#waitingCount} messages (${this.#waitingBytes} bytes)`
    throw new ClientError({
      code: 'SPILLWAY_E_OVERLOADED',
      backend: this.driver.backend,
      why: `${waiting} wait for their confirms already; nothing of this was sent.`,
      alternatives: ['await earlier sends', 'a larger `buffer` in connect'],
      retryable: true,
    })
  }

  #unconfirmed({ dedupeId }: Outgoing): TimeoutError {
    const { confirmMs } = this.settings
    const again = dedupeId === undefined ? '' : ` Safe to send again: dedupe id ${dedupeId}.`
    const why = `no confirm in ${confirmMs} ms; the message MAY have been stored.${again}`
    return new TimeoutError({ code: 'SPILLWAY_T_CONFIRM', backend: this.driver.backend, why })
  }
}

function notThere({ kind, name }: Endpoint, backend: string, cause: Error): ClientError {
  const found = cause instanceof ClientError ? cause.why : cause.message
  return new ClientError({
    code: 'SPILLWAY_E_NOT_FOUND',
    backend,
    why: `there is no ${kind} ${name}, or it cannot be seen: ${found}`,
    cause,
  })
}

/** A queue and a topic of one name are two things, and it is the driver that says so. */
function placeOf({ kind, name }: Endpoint): string {
  return `${kind} ${name}`
}
