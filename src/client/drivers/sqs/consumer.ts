/**
 * Receiving by long polls. Credit is what may be in hand; a poll asks for as much of it as one
 * request can carry, and has it until it is answered. While a queue is quiet there is one poll;
 * where answers come back full there are more, as credit allows.
 *
 *     credit ──> poll (up to 10 messages) ──> deliveries ──> settled ──> grant ──> credit
 */

import type { Message } from '@aws-sdk/client-sqs'
import type { Timer } from '../../../engine/ports.ts'
import type { Consumer, Sink } from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import { newId } from '../../wire.ts'
import { type Origin, SqsDelivery } from './delivery.ts'
import { backend, errorOf, kindOf } from './errors.ts'

export interface ConsumerOptions {
  readonly origin: Origin
  readonly credit: number
  /** Of one poll. */
  readonly countMax: number
  readonly leaseMs: number
  /** How long a poll waits for messages. */
  readonly waitSeconds: number
  readonly sink: Sink
  /** Called when it has ended, by whatever. */
  readonly left: () => void
}

const pollsMax = 50
/** A poll that has not ended so long after its time will not. */
const overdueMs = 3000
/** Single credits are gathered for so long, to be asked for in one request. */
const gatherMs = 5
/** Between polls that do not wait. */
const idleMs = 50
const pauseMin = 100
const pauseMax = 5000

export class SqsConsumer implements Consumer {
  readonly #options: ConsumerOptions
  readonly #polls = new Set<Promise<void>>()
  readonly #inHand = new Set<SqsDelivery>()
  readonly #gatherCount: number
  #credit: number
  /** Delivered, and not granted again: more credit is to come. */
  #owedCount = 0
  /** Of polls whose answers were lost, to be asked for again. FIFO alone. */
  readonly #lostIds: string[] = []
  /** Polls that may be under way. */
  #pollCount = 1
  #gathering: Timer | undefined
  /** A pause after a failure; the next one is longer. */
  #pausing: Timer | undefined
  #pauseMs = 0
  #isStopped = false
  #stopping: Promise<void> | undefined

  constructor(options: ConsumerOptions) {
    this.#options = options
    this.#credit = options.credit
    this.#gatherCount = Math.min(options.countMax, Math.ceil(options.credit / 2))
    this.#pump()
  }

  grant(count: number): void {
    this.#owedCount -= count
    this.#credit += count
    this.#pump()
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async close(): Promise<void> {
    await this.stop()
    await this.#release([...this.#inHand].reverse())
    this.#options.left()
  }

  async #stop(): Promise<void> {
    this.#isStopped = true
    this.#gathering?.cancel()
    this.#pausing?.cancel()
    await Promise.all([...this.#polls].map(poll => this.#last(poll)))
  }

  /**
   * A poll is not broken off: a server need not notice, and would give messages to nobody, hidden
   * for a whole lease. One that is overdue is not waited for; should it be answered after all, what
   * it brings is given back.
   */
  #last(poll: Promise<void>): Promise<void> {
    const { origin, waitSeconds } = this.#options
    return new Promise(resolve => {
      const timer = origin.context.clock.schedule(waitSeconds * 1000 + overdueMs, resolve)
      void poll.then(() => {
        timer.cancel()
        resolve()
      })
    })
  }

  /**
   * What a worker has handled is granted again when SQS has taken its deletion, one by one: the
   * first of ten must not be asked for alone.
   */
  #pump(isGathered = false): void {
    while (this.#credit > 0 && this.#polls.size < this.#pollCount) {
      if (this.#isStopped || this.#pausing !== undefined) return
      if (this.#credit < this.#gatherCount && this.#owedCount > 0 && !isGathered) {
        this.#gather()
        return
      }
      const count = Math.min(this.#credit, this.#options.countMax)
      this.#credit -= count
      this.#poll(count)
    }
  }

  #gather(): void {
    this.#gathering ??= this.#options.origin.context.clock.schedule(gatherMs, () => {
      this.#gathering = undefined
      this.#pump(true)
    })
  }

  #poll(count: number): void {
    const poll = this.#receive(count).then(() => {
      this.#polls.delete(poll)
      this.#pump()
    })
    this.#polls.add(poll)
  }

  /** Never rejects. */
  async #receive(count: number): Promise<void> {
    const { origin, waitSeconds } = this.#options
    // The client gives a sign of life three times in a lease. Until the first one half a lease is
    // enough, and what is lost on its way to us comes again sooner.
    const leaseMs = this.#options.leaseMs / 2
    const { isFifo } = origin.door.place
    const attemptId = isFifo ? (this.#lostIds.pop() ?? this.#newAttemptId()) : undefined
    let messages: readonly Message[] = []
    try {
      const options = { countMax: count, leaseMs, waitSeconds, attemptId }
      messages = await origin.door.receive(options)
      this.#pauseMs = 0
      if (messages.length === 0 && waitSeconds === 0) this.#pause(idleMs)
    } catch (error) {
      if (attemptId !== undefined && kindOf(error) === 'connection') this.#lostIds.push(attemptId)
      this.#failed(error)
    }
    this.#credit += count - messages.length
    this.#pollCount = messages.length < count ? 1 : Math.min(this.#pollCount * 2, pollsMax)
    const deliveries = messages.map(message => new SqsDelivery(origin, message, leaseMs))
    if (this.#isStopped) await this.#release(deliveries.reverse())
    else for (const delivery of deliveries) this.#deliver(delivery)
  }

  #newAttemptId(): string {
    const { random, clock } = this.#options.origin.context
    return newId(random, clock.now())
  }

  #deliver(delivery: SqsDelivery): void {
    const { origin, sink } = this.#options
    const now = origin.context.clock.now()
    if (delivery.due !== undefined && delivery.due > now) {
      this.#credit++
      delivery.hop(now).catch(error => origin.context.emit({ kind: 'error', error }))
      return
    }
    this.#inHand.add(delivery)
    this.#owedCount++
    delivery.onSettle = () => this.#inHand.delete(delivery)
    sink.deliver(delivery)
  }

  async #release(deliveries: readonly SqsDelivery[]): Promise<void> {
    const { context } = this.#options.origin
    const releasing = deliveries.map(delivery => delivery.settle({ kind: 'release' }))
    for (const outcome of await Promise.allSettled(releasing)) {
      if (outcome.status === 'rejected') context.emit({ kind: 'error', error: outcome.reason })
    }
  }

  #failed(error: unknown): void {
    if (this.#isStopped) return
    const { origin, sink, left } = this.#options
    const { name } = origin.door.place
    const kind = kindOf(error)
    if (kind === 'missing') {
      this.#isStopped = true
      const why = `${name} was deleted.`
      sink.ended(new ClientError({ code: 'SPILLWAY_E_DELETED', backend, why, cause: error }))
      left()
      return
    }
    // The driver tells of lost connections once; of everything else each time.
    if (kind !== 'connection') {
      const told = errorOf(error, `${name}: ReceiveMessage`)
      origin.context.emit({ kind: 'error', error: told })
    }
    this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, pauseMin), pauseMax)
    this.#pause(this.#pauseMs)
  }

  #pause(ms: number): void {
    if (this.#isStopped) return
    this.#pausing ??= this.#options.origin.context.clock.schedule(ms, () => {
      this.#pausing = undefined
      this.#pump()
    })
  }
}
