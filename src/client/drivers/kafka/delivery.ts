/** A message in a consumer's hands, and the consumer's place at the reader of its group. */

import type { Consumer, Delivery, Headers, Settlement, Sink, Stored } from '../../driver.ts'
import { lost } from './failures.ts'
import type { Reader } from './reader.ts'
import type { FetchedRecord } from './records.ts'
import type { Track } from './track.ts'

export class KafkaDelivery implements Delivery {
  readonly id: string
  readonly position: string
  readonly time: number
  readonly key: string | undefined
  readonly body: Uint8Array
  readonly headers: Headers
  readonly attempt: number
  readonly record: FetchedRecord
  readonly track: Track
  readonly reader: Reader
  readonly holder: Holder
  isSettled = false
  /** It could not be settled as it was asked, and comes again. */
  isGivenBack = false

  constructor(
    stored: Stored,
    about: {
      readonly attempt: number
      readonly record: FetchedRecord
      readonly track: Track
      readonly reader: Reader
      readonly holder: Holder
    },
  ) {
    this.id = stored.id
    this.position = stored.position
    this.time = stored.time
    this.key = stored.key
    this.body = stored.body
    this.headers = stored.headers
    this.attempt = about.attempt
    this.record = about.record
    this.track = about.track
    this.reader = about.reader
    this.holder = about.holder
  }

  async settle(settlement: Settlement): Promise<void> {
    if (this.isGivenBack && settlement.kind === 'release') return
    if (settlement.kind === 'dead') return this.reader.setup.dead(this, settlement)
    this.check()
    this.reader.apply(this, settlement)
    await this.reader.committed(this.track)
  }

  /** A partition is ours as long as we are in the group. */
  extend(): Promise<void> {
    return Promise.resolve()
  }

  /** Throws when it is not ours any more. */
  check(): void {
    if (this.track.isLost || this.isSettled) throw lost(`message ${this.id}`)
  }
}

/**
 * A consumer's place at a reader. What is settled makes room at once: the commit that tells of it
 * leases the next one, too. The credit that is granted for it later is not counted again.
 */
export class Holder implements Consumer {
  readonly sink: Sink
  readonly out = new Set<KafkaDelivery>()
  credit: number
  isStopped = false
  /** Called when it is stopped and has nothing left. */
  emptied: (() => void) | undefined
  readonly reader: Reader
  /** Settled, and not granted yet. */
  #aheadCount = 0

  constructor(reader: Reader, sink: Sink, credit: number) {
    this.reader = reader
    this.sink = sink
    this.credit = credit
  }

  grant(count: number): void {
    if (this.isStopped) return
    const known = Math.min(count, this.#aheadCount)
    this.#aheadCount -= known
    this.credit += count - known
    if (this.credit > 0) this.reader.deal()
  }

  /** One of its messages was settled. */
  settled(): void {
    if (this.isStopped) return
    this.#aheadCount++
    this.credit++
  }

  /** That came to nothing. */
  unsettled(): void {
    if (this.isStopped) return
    this.#aheadCount = Math.max(0, this.#aheadCount - 1)
    this.credit--
  }

  stop(): Promise<void> {
    this.isStopped = true
    this.credit = 0
    return Promise.resolve()
  }

  async close(): Promise<void> {
    await this.stop()
    await this.reader.leave(this)
  }
}
