/**
 * Misfortune on demand, for a broker in a test's own process. Faults strike at the sockets and at
 * the disk, so what a client sees is what it would see of a real broker.
 */

import { assert } from '../base/assert.ts'
import type { EngineDoor } from '../engine/engine.ts'
import type { StoredRecord } from '../engine/model.ts'
import { systemClock } from '../platform/clock.ts'
import type { Link, LinkEvents, Transport } from '../servers/transport.ts'
import type { SimulatedStorage } from '../testing/storage.ts'

/** What can go wrong. */
export interface Faults {
  /** Every client's connection breaks, now. They may come back. */
  dropConnections(): void
  /**
   * The next request that stores a message is carried out, and its answer is lost with the
   * connection: the sender cannot know.
   */
  loseNextConfirm(): void
  /** The next message that is stored is stored twice, as if its sender had tried again. */
  duplicateNext(): void
  /**
   * No room: publishers are refused in their protocol's words, consumers go on. It is noticed in
   * passing, as on a real disk: by the first message that is stored half a second after the last
   * look.
   */
  fillDisk(): void
  freeDisk(): void
  /** Every answer takes so much longer; 0 ends that. */
  slowDown(ms: number): void
}

/** Bytes that are left on a full disk: for the message by which it is noticed, no more. */
const fullBytes = 16 * 1024

export class FaultInjector implements Faults {
  readonly #storage: SimulatedStorage
  readonly #links = new Set<FaultyLink>()
  engine: EngineDoor | undefined
  delayMs = 0
  #losesConfirm = false
  #duplicates = false

  constructor(storage: SimulatedStorage) {
    this.#storage = storage
  }

  dropConnections(): void {
    for (const link of [...this.#links]) link.destroy()
  }

  loseNextConfirm(): void {
    this.#losesConfirm = true
  }

  duplicateNext(): void {
    this.#duplicates = true
  }

  fillDisk(): void {
    this.#storage.capacity = this.#storage.usedBytes + fullBytes
  }

  freeDisk(): void {
    this.#storage.capacity = Number.MAX_SAFE_INTEGER
  }

  slowDown(ms: number): void {
    this.delayMs = ms
  }

  /** The network, as the faults make it. */
  transport(real: Transport): Transport {
    return {
      listen: (address, accept) =>
        real.listen(address, link => {
          const faulty = new FaultyLink(this, link)
          this.#links.add(faulty)
          accept(faulty)
        }),
    }
  }

  /** Around everything that a peer has sent: what it stored is looked at afterwards. */
  receive(link: FaultyLink, run: () => void): void {
    if (!this.#losesConfirm && !this.#duplicates) {
      run()
      return
    }
    const before = this.#nextPositions()
    // An answer that waits for nothing would leave from within.
    const letGo = link.hold()
    run()
    const stored = this.#storedSince(before)
    if (stored.length === 0 || !this.#losesConfirm) letGo()
    if (stored.length === 0) return
    if (this.#duplicates) {
      this.#duplicates = false
      for (const { log, record } of stored) this.#copy(log, record)
    }
    if (this.#losesConfirm) {
      this.#losesConfirm = false
      link.lose()
    }
  }

  forget(link: FaultyLink): void {
    this.#links.delete(link)
  }

  #nextPositions(): Map<string, number> {
    const engine = this.engine!
    return new Map(engine.logs().map(name => [name, engine.log(name)!.next]))
  }

  #storedSince(before: ReadonlyMap<string, number>): { log: string; record: StoredRecord }[] {
    const engine = this.engine!
    return engine.logs().flatMap(log => {
      const position = before.get(log) ?? 0
      if (engine.log(log)!.next <= position) return []
      const found = engine.read(log, { position }, { countMax: 1, bytesMax: 1 })
      return found.ok && found.value.length > 0 ? [{ log, record: found.value[0]! }] : []
    })
  }

  #copy(log: string, record: StoredRecord): void {
    const { format, envelope, body, key, group, priority, span } = record
    const bytes = { envelope: envelope.slice(), body: body.slice(), key: key.slice() }
    const outcome = this.engine!.append(log, [{ format, group, priority, span, ...bytes }])
    assert(outcome.ok, 'a message that was stored can be stored again')
  }
}

/** A link that may be slow, or lose what the server says. */
class FaultyLink implements Link {
  readonly peer: Link['peer']
  readonly local: Link['local']
  readonly #faults: FaultInjector
  readonly #real: Link
  #isLost = false
  #held: (() => void)[] | undefined

  constructor(faults: FaultInjector, real: Link) {
    this.#faults = faults
    this.#real = real
    this.peer = real.peer
    this.local = real.local
  }

  start(events: LinkEvents): void {
    this.#real.start({
      onData: bytes => this.#faults.receive(this, () => events.onData(bytes)),
      onClose: reason => {
        this.#faults.forget(this)
        events.onClose(reason)
      },
    })
  }

  write(parts: readonly Uint8Array[], done: () => void): void {
    if (this.#isLost) return
    if (this.#held !== undefined) {
      this.#held.push(() => this.write(parts, done))
      return
    }
    const { delayMs } = this.#faults
    if (delayMs === 0) this.#real.write(parts, done)
    else systemClock.schedule(delayMs, () => this.#real.write(parts, done))
  }

  writeText(text: string, encoding: 'latin1' | 'utf8'): void {
    this.write([Buffer.from(text, encoding)], () => undefined)
  }

  /** What is written waits, until the function that it returns is called. */
  hold(): () => void {
    const held: (() => void)[] = []
    this.#held = held
    return () => {
      this.#held = undefined
      for (const write of held) write()
    }
  }

  /** Nothing more reaches the peer, and it will notice. */
  lose(): void {
    this.#isLost = true
    systemClock.soon(() => this.#real.destroy())
  }

  pause(): void {
    this.#real.pause()
  }

  resume(): void {
    this.#real.resume()
  }

  end(): void {
    this.#real.end()
  }

  destroy(): void {
    this.#real.destroy()
  }
}
