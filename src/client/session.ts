/**
 * What the parts of one bus share: the driver, the settings, what has been prepared, and the way
 * out for messages, with its bounds.
 */

import type { Timer } from '../engine/ports.ts'
import type { BusEvent, Driver, DriverContext, Endpoint, Outgoing, SendResult } from './driver.ts'
import { ClientError, TimeoutError } from './errors.ts'
import { emulationRefused, type Feature, refusal } from './features.ts'
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
    preparing.catch(() => this.#prepared.delete(placeOf(endpoint)))
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
    else if (create) await this.prepare(endpoint)
    else throw notThere(endpoint, this.driver.backend, missing)
  }

  isPrepared(endpoint: Endpoint): boolean {
    return this.#prepared.has(placeOf(endpoint))
  }

  forget(endpoint: Endpoint): void {
    this.#prepared.delete(placeOf(endpoint))
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

  /** Confirmed, or an error in its place; rejects when the buffer is full. */
  async send(messages: readonly Outgoing[]): Promise<readonly SendResult[]> {
    this.checkOpen()
    const bytes = messages.reduce((sum, { body }) => sum + body.length, 0)
    this.#admit(messages, bytes)
    this.#waitingCount += messages.length
    this.#waitingBytes += bytes
    // The room is taken until the driver has answered, however long the caller waits for that.
    const sending = this.driver.send(messages).finally(() => {
      this.#waitingCount -= messages.length
      this.#waitingBytes -= bytes
    })
    return this.#confirmed(sending, messages)
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

  #confirmed(
    sending: Promise<readonly SendResult[]>,
    messages: readonly Outgoing[],
  ): Promise<readonly SendResult[]> {
    const { confirmMs } = this.settings
    return new Promise((resolve, reject) => {
      const timer: Timer = this.context.clock.schedule(confirmMs, () => {
        const [first] = messages
        const { dedupeId } = first!
        const again = dedupeId === undefined ? '' : ` Safe to send again: dedupe id ${dedupeId}.`
        const why = `no confirm in ${confirmMs} ms; the message MAY have been stored.${again}`
        reject(new TimeoutError({ code: 'SPILLWAY_T_CONFIRM', backend: this.driver.backend, why }))
      })
      const settled = (run: () => void): void => {
        timer.cancel()
        run()
      }
      sending.then(
        results => settled(() => resolve(results)),
        error => settled(() => reject(error)),
      )
    })
  }
}

function notThere({ kind, name }: Endpoint, backend: string, cause: Error): ClientError {
  return new ClientError({
    code: 'SPILLWAY_E_NOT_FOUND',
    backend,
    why: `there is no ${kind} ${name}, or it cannot be seen: ${cause.message}`,
    cause,
  })
}

/** A queue and a topic of one name are two things, and it is the driver that says so. */
function placeOf({ kind, name }: Endpoint): string {
  return `${kind} ${name}`
}
