/**
 * Transactional producers. A transaction ends in one effect: its markers in all partitions, its
 * offsets, and its new state are on the disk together or not at all; so there is no state between
 * “prepared” and “complete”, and nothing to be finished after a crash.
 *
 *     Empty → Ongoing → CompleteCommit or CompleteAbort → Ongoing …
 *
 * Clients of the second version (KIP-890) say nothing before they write: their first batch, or
 * their first offsets, take a partition into the transaction. Its end raises their epoch, so that
 * what is late belongs to no transaction at all.
 */

import type { EngineDoor } from '../../engine/engine.ts'
import { formats } from '../../engine/model.ts'
import type { Clock } from '../../engine/ports.ts'
import { codes } from '../../wire/kafka/error-codes.ts'
import { BatchView, encodeMarker } from '../../wire/kafka/record-batch.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import { KafkaError } from './errors.ts'
import { limits } from './limits.ts'
import { Memory } from './memory.ts'
import type { OffsetChange, Offsets } from './offsets.ts'
import type { Producers } from './producers.ts'

export interface Transaction {
  readonly producerId: number
  readonly epoch: number
  readonly timeoutMs: number
  readonly state: 'Empty' | 'Ongoing' | 'CompleteCommit' | 'CompleteAbort'
  readonly startedAt: number
  /** Log → offset of its first batch there; −1: none has come. */
  readonly partitions: { readonly [log: string]: number }
  /** Group → what is committed with it. */
  readonly offsets: { readonly [group: string]: readonly OffsetChange[] }
  /** Who ended the last one, when that has raised his epoch: he may not have heard of it. */
  readonly endedBy?: Identity
}

export interface Aborted {
  readonly producerId: number
  readonly firstOffset: number
  /** Offset of the marker. */
  readonly lastOffset: number
}

export interface Identity {
  readonly producerId: number
  readonly epoch: number
}

const epochMax = 0x7fff - 1

export class Transactions {
  readonly #engine: EngineDoor
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #producers: Producers
  readonly #offsets: Offsets
  readonly #memory: Memory<Transaction>
  readonly #abortedMemory: Memory<Aborted>
  readonly #byId = new Map<string, Transaction>()
  readonly #idOf = new Map<number, string>()
  /** Log → producer → first offset of what is open there. */
  readonly #open = new Map<string, Map<number, number>>()
  readonly #aborted = new Map<string, Aborted[]>()
  readonly #timeouts = new Map<string, Deadline>()
  readonly #view = new BatchView()

  constructor(parts: {
    readonly engine: EngineDoor
    readonly clock: Clock
    readonly deadlines: Deadlines
    readonly producers: Producers
    readonly offsets: Offsets
  }) {
    this.#engine = parts.engine
    this.#clock = parts.clock
    this.#deadlines = parts.deadlines
    this.#producers = parts.producers
    this.#offsets = parts.offsets
    this.#memory = new Memory(parts.engine, 'transactions')
    this.#abortedMemory = new Memory(parts.engine, 'aborted')
    for (const [id, transaction] of this.#memory.entries()) this.#recover(id, transaction)
    for (const [field, aborted] of this.#abortedMemory.entries()) {
      this.#abortedIn(field.split('\0')[0]!).push(aborted)
    }
    // A table keeps the order in which its rows came, but for rows that were taken out meanwhile.
    for (const all of this.#aborted.values()) {
      all.sort((left, right) => left.lastOffset - right.lastOffset)
    }
  }

  #recover(id: string, transaction: Transaction): void {
    this.#byId.set(id, transaction)
    this.#idOf.set(transaction.producerId, id)
    if (transaction.state !== 'Ongoing') return
    for (const [log, first] of Object.entries(transaction.partitions)) {
      if (first >= 0) this.#openIn(log).set(transaction.producerId, first)
    }
    this.#arm(id, transaction)
  }

  find(id: string): Transaction | undefined {
    return this.#byId.get(id)
  }

  list(): [id: string, transaction: Transaction][] {
    return [...this.#byId]
  }

  /**
   * A producer begins under this id: whoever had it before is fenced, what he had open is aborted.
   */
  begin(id: string, timeoutMs: number, known: Identity | undefined): Identity {
    if (timeoutMs <= 0 || timeoutMs > limits.transactionMsMax) {
      throw new KafkaError(codes.INVALID_TRANSACTION_TIMEOUT)
    }
    const before = this.#byId.get(id)
    if (known !== undefined && before !== undefined) {
      const isHis = known.producerId === before.producerId && known.epoch >= before.epoch
      if (!isHis) throw new KafkaError(codes.PRODUCER_FENCED)
    }
    return this.#engine.batch(() => {
      if (before?.state === 'Ongoing') this.#end(id, before, false, before.epoch + 1)
      const last = this.#byId.get(id)
      const wrapped = last === undefined || last.epoch >= epochMax
      const producerId = wrapped ? this.#producers.newId() : last.producerId
      const epoch = wrapped ? 0 : last.epoch + 1
      if (last !== undefined && wrapped) this.#idOf.delete(last.producerId)
      const fresh = { state: 'Empty', startedAt: -1, partitions: {}, offsets: {} } as const
      this.#set(id, { producerId, epoch, timeoutMs, ...fresh })
      return { producerId, epoch }
    })
  }

  addPartitions(id: string, who: Identity, logs: readonly string[]): void {
    const transaction = this.#ongoing(id, who)
    const partitions = { ...transaction.partitions }
    for (const log of logs) partitions[log] ??= -1
    this.#set(id, { ...transaction, partitions })
  }

  addGroup(id: string, who: Identity, group: string): void {
    const transaction = this.#ongoing(id, who)
    const offsets = { [group]: [], ...transaction.offsets }
    this.#set(id, { ...transaction, offsets })
  }

  /**
   * Offsets that count when the transaction is committed. Whose they are says the producer's id
   * alone: the group's coordinator, which takes them in Kafka, knows no transactional ids.
   */
  addOffsets(who: Identity, group: string, changes: readonly OffsetChange[]): void {
    const id = this.#idOf.get(who.producerId)
    if (id === undefined) throw new KafkaError(codes.INVALID_PRODUCER_ID_MAPPING)
    const transaction = this.#ongoing(id, who)
    const before = transaction.offsets[group] ?? []
    const fresh = new Set(changes.map(({ topic, partition }) => `${topic}\0${partition}`))
    const kept = before.filter(({ topic, partition }) => !fresh.has(`${topic}\0${partition}`))
    this.#set(id, {
      ...transaction,
      offsets: { ...transaction.offsets, [group]: [...kept, ...changes] },
    })
  }

  /** True while a transaction may still change what the group has committed there. */
  isUnstable(group: string, topic: string, partition: number): boolean {
    for (const { state, offsets } of this.#byId.values()) {
      if (state !== 'Ongoing') continue
      const changes = offsets[group] ?? []
      if (changes.some(each => each.topic === topic && each.partition === partition)) return true
    }
    return false
  }

  /**
   * What is wrong with a transactional batch for this log; 0: nothing. One that `mayJoin` brings
   * its partition along.
   */
  judge(log: string, { producerId, epoch }: Identity, mayJoin = false): number {
    const id = this.#idOf.get(producerId)
    const transaction = id === undefined ? undefined : this.#byId.get(id)
    if (transaction === undefined) return codes.INVALID_PRODUCER_ID_MAPPING
    if (transaction.epoch !== epoch) return codes.INVALID_PRODUCER_EPOCH
    const isIn = transaction.state === 'Ongoing' && log in transaction.partitions
    return isIn || mayJoin ? 0 : codes.INVALID_TXN_STATE
  }

  /** A transactional batch has been appended. */
  note(log: string, producerId: number, offset: number): void {
    const id = this.#idOf.get(producerId)!
    const { epoch } = this.#byId.get(id)!
    const transaction = this.#ongoing(id, { producerId, epoch })
    if ((transaction.partitions[log] ?? -1) !== -1) return
    this.#openIn(log).set(producerId, offset)
    this.#set(id, { ...transaction, partitions: { ...transaction.partitions, [log]: offset } })
  }

  end(id: string, who: Identity, committed: boolean): void {
    const transaction = this.#own(id, who)
    const wanted = committed ? 'CompleteCommit' : 'CompleteAbort'
    if (transaction.state === wanted) return
    if (transaction.state !== 'Ongoing') throw new KafkaError(codes.INVALID_TXN_STATE)
    this.#end(id, transaction, committed, transaction.epoch)
  }

  /**
   * As `end`, and gives the producer the epoch, or where epochs run out the id, of his next one. He
   * may ask again, and is told the same.
   */
  endAndRaise(id: string, who: Identity, committed: boolean): Identity {
    const wanted = committed ? 'CompleteCommit' : 'CompleteAbort'
    const known = this.#byId.get(id)
    const { endedBy } = known ?? {}
    if (endedBy?.producerId === who.producerId && endedBy.epoch === who.epoch) {
      if (known!.state !== wanted) throw new KafkaError(codes.INVALID_TXN_STATE)
      return { producerId: known!.producerId, epoch: known!.epoch }
    }
    const transaction = this.#own(id, who)
    // Nothing was written: there is nothing to commit, but it can be given up.
    const isEmpty = transaction.state !== 'Ongoing'
    if (isEmpty && committed) throw new KafkaError(codes.INVALID_TXN_STATE)
    this.#end(id, transaction, committed, transaction.epoch + 1)
    const { producerId, epoch } = this.#byId.get(id)!
    return { producerId, epoch }
  }

  #end(id: string, transaction: Transaction, committed: boolean, epoch: number): void {
    const { producerId } = transaction
    const isRaised = epoch > transaction.epoch
    const endedBy = isRaised ? { producerId, epoch: transaction.epoch } : undefined
    this.#engine.batch(() => {
      for (const [log, firstOffset] of Object.entries(transaction.partitions)) {
        if (firstOffset < 0) continue
        const lastOffset = this.#mark(log, committed, producerId, epoch)
        this.#open.get(log)?.delete(producerId)
        if (committed || lastOffset < 0) continue
        const aborted = { producerId, firstOffset, lastOffset }
        this.#abortedIn(log).push(aborted)
        this.#abortedMemory.put([`${log}\0${lastOffset}`, aborted])
      }
      if (committed) {
        for (const [group, changes] of Object.entries(transaction.offsets)) {
          if (changes.length > 0) this.#offsets.commit(group, changes)
        }
      }
      const state = committed ? 'CompleteCommit' : 'CompleteAbort'
      const isLast = epoch > epochMax
      if (isLast) this.#idOf.delete(producerId)
      const who = isLast ? { producerId: this.#producers.newId(), epoch: 0 } : { producerId, epoch }
      const ended = { ...transaction, ...who, state, partitions: {}, offsets: {} } as const
      this.#set(id, endedBy === undefined ? ended : { ...ended, endedBy })
    })
    this.#timeouts.get(id)?.cancel()
    this.#timeouts.delete(id)
  }

  /**
   * Writes a marker; its offset, or −1 when the log is gone. The disk is full for all markers of a
   * transaction or for none, so what is refused is the first one, and nothing has changed yet.
   */
  #mark(log: string, committed: boolean, producerId: number, epoch: number): number {
    const info = this.#engine.log(log)
    if (info === undefined) return -1
    const time = this.#clock.now()
    const body = encodeMarker(committed, { producerId, producerEpoch: epoch, time })
    this.#view.over(body).place(info.next, 0)
    const envelope = new Uint8Array(0)
    const outcome = this.#engine.append(log, [{ format: formats.kafkaBatch, envelope, body, time }])
    if (!outcome.ok) throw new KafkaError(codes.STORAGE_ERROR, outcome.detail)
    this.#producers.fence(log, producerId, epoch)
    return info.next
  }

  /** Records from here on may still be aborted; Infinity: none. */
  firstOpen(log: string): number {
    let first = Infinity
    for (const offset of this.#open.get(log)?.values() ?? []) first = Math.min(first, offset)
    return first
  }

  openBy(log: string, producerId: number): number {
    return this.#open.get(log)?.get(producerId) ?? -1
  }

  /** Aborted transactions that have something in [from, to), by their first offsets. */
  abortedIn(log: string, from: number, to: number): Aborted[] {
    const all = this.#aborted.get(log) ?? []
    // They come to an end in order, so whoever reads on passes over most of them.
    const isBehind = (index: number) => (all[index]?.lastOffset ?? Infinity) >= from
    let low = 0
    let high = all.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBehind(middle)) high = middle
      else low = middle + 1
    }
    return all
      .slice(low)
      .filter(({ firstOffset }) => firstOffset < to)
      .sort((left, right) => left.firstOffset - right.firstOffset)
  }

  /** What a log has lost at its front needs no list of what was aborted there. */
  forgetBefore(log: string, first: number): void {
    const all = this.#aborted.get(log)
    if (all === undefined || all.length === 0 || all[0]!.lastOffset >= first) return
    const gone = all.filter(each => each.lastOffset < first)
    this.#aborted.set(log, all.slice(gone.length))
    this.#abortedMemory.put(...gone.map(each => [`${log}\0${each.lastOffset}`, undefined] as const))
  }

  /** A log is gone. */
  forget(log: string): void {
    this.#open.delete(log)
    const gone = this.#aborted.get(log) ?? []
    this.#aborted.delete(log)
    this.#abortedMemory.put(...gone.map(each => [`${log}\0${each.lastOffset}`, undefined] as const))
  }

  #own(id: string, who: Identity): Transaction {
    const transaction = this.#byId.get(id)
    if (transaction === undefined || transaction.producerId !== who.producerId) {
      throw new KafkaError(codes.INVALID_PRODUCER_ID_MAPPING)
    }
    if (transaction.epoch !== who.epoch) throw new KafkaError(codes.INVALID_PRODUCER_EPOCH)
    return transaction
  }

  /** The producer's transaction, begun if it was not. */
  #ongoing(id: string, who: Identity): Transaction {
    const transaction = this.#own(id, who)
    if (transaction.state === 'Ongoing') return transaction
    const startedAt = this.#clock.now()
    const { endedBy: _, ...rest } = transaction
    const begun: Transaction = { ...rest, state: 'Ongoing', startedAt }
    this.#arm(id, begun)
    return begun
  }

  #arm(id: string, transaction: Transaction, delayMs = transaction.timeoutMs): void {
    const { producerId } = transaction
    const deadline = this.#deadlines.after(delayMs, () => {
      const now = this.#byId.get(id)
      if (now?.state !== 'Ongoing' || now.producerId !== producerId) return
      try {
        this.#end(id, now, false, now.epoch + 1)
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
        // There is no room for its markers: later, perhaps.
        this.#arm(id, now, limits.abortRetryMs)
      }
    })
    this.#timeouts.get(id)?.cancel()
    this.#timeouts.set(id, deadline)
  }

  #set(id: string, transaction: Transaction): void {
    this.#byId.set(id, transaction)
    this.#idOf.set(transaction.producerId, id)
    this.#memory.put([id, transaction])
  }

  #openIn(log: string): Map<number, number> {
    const open = this.#open.get(log) ?? new Map<number, number>()
    this.#open.set(log, open)
    return open
  }

  #abortedIn(log: string): Aborted[] {
    const aborted = this.#aborted.get(log) ?? []
    this.#aborted.set(log, aborted)
    return aborted
  }
}
