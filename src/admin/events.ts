/**
 * The event stream: what pages show lives from one beat, ten times a second, for all of them.
 * Counters are aggregated here, lists go out once a second, and nothing is sent that has not
 * changed. A page that does not read gets nothing more until it does; since each event is the whole
 * state of its part, nothing is lost by that but frames.
 */

import type { Timer } from '../engine/ports.ts'
import type { Catalogue, ListQuery } from './catalogue.ts'
import type { Events, Tail } from './contract.ts'
import { adminLimits } from './limits.ts'
import type { AdminPorts } from './ports.ts'
import type { Releases } from './releases.ts'
import { viewMessages } from './views.ts'

/** What one page wants to hear. */
export interface Wanted {
  readonly overview: boolean
  readonly list: ListQuery | undefined
  readonly queue: string | undefined
  readonly tail: string | undefined
}

interface Listener {
  readonly wanted: Wanted
  readonly controller: ReadableStreamDefaultController<Uint8Array>
  /** What was sent last, by event. */
  readonly last: Map<string, string>
  /** Where the tail goes on. */
  position: number
}

const encoder = new TextEncoder()

export class EventStreams {
  readonly #ports: AdminPorts
  readonly #catalogue: Catalogue
  readonly #releases: Releases
  readonly #listeners = new Set<Listener>()
  #timer: Timer | undefined
  #beat = 0

  constructor(ports: AdminPorts, catalogue: Catalogue, releases: Releases) {
    this.#ports = ports
    this.#catalogue = catalogue
    this.#releases = releases
  }

  get size(): number {
    return this.#listeners.size
  }

  /** Undefined: there are too many. */
  open(wanted: Wanted): ReadableStream<Uint8Array> | undefined {
    if (this.#listeners.size >= adminLimits.streamsMax) return undefined
    let listener: Listener | undefined
    return new ReadableStream<Uint8Array>(
      {
        start: controller => {
          const position = this.#ports.engine.log(wanted.tail ?? '')?.next ?? 0
          listener = { wanted, controller, last: new Map(), position }
          this.#listeners.add(listener)
          // Bytes at once, so that the page knows that it is heard.
          controller.enqueue(encoder.encode('retry: 1000\n\n'))
          this.#wait(0)
        },
        cancel: () => {
          if (listener !== undefined) this.#listeners.delete(listener)
        },
      },
      { highWaterMark: 8 },
    )
  }

  stop(): void {
    this.#timer?.cancel()
    for (const { controller } of this.#listeners) controller.close()
    this.#listeners.clear()
  }

  #wait(delayMs: number): void {
    if (this.#timer !== undefined && delayMs > 0) return
    this.#timer?.cancel()
    this.#timer = this.#ports.clock.schedule(delayMs, () => {
      this.#timer = undefined
      void this.#send()
    })
  }

  async #send(): Promise<void> {
    this.#beat++
    const shared = new Map<string, string>()
    const outgoing: [Listener, string][] = []
    for (const listener of this.#listeners) {
      // Not read so far: its next beat says more.
      if ((listener.controller.desiredSize ?? 0) <= 0) continue
      const text = this.#textFor(listener, shared)
      if (text !== '') outgoing.push([listener, text])
    }
    if (outgoing.length > 0) await this.#releases.all()
    for (const [listener, text] of outgoing) {
      if (this.#listeners.has(listener)) listener.controller.enqueue(encoder.encode(text))
    }
    if (this.#listeners.size > 0) this.#wait(adminLimits.beatMs)
  }

  #textFor(listener: Listener, shared: Map<string, string>): string {
    const { wanted } = listener
    let text = ''
    const add = (name: keyof Events, key: string, make: () => Events[keyof Events] | undefined) => {
      let json = shared.get(key)
      if (json === undefined) {
        json = JSON.stringify(make() ?? null)
        shared.set(key, json)
      }
      if (listener.last.get(name) === json) return
      listener.last.set(name, json)
      text += `event: ${name}\ndata: ${json}\n\n`
    }
    const isFirst = listener.last.size === 0
    if (isFirst || this.#beat % adminLimits.beatsPerList === 0) {
      if (wanted.overview) add('overview', 'overview', () => this.#catalogue.overview())
      const { list } = wanted
      if (list !== undefined) {
        add('queues', `queues ${JSON.stringify(list)}`, () => this.#catalogue.list(list))
      }
    }
    const { queue, tail } = wanted
    if (queue !== undefined) add('queue', `queue ${queue}`, () => this.#catalogue.detail(queue))
    if (tail !== undefined) {
      const news = this.#tail(listener, tail)
      if (news !== undefined) text += `event: tail\ndata: ${JSON.stringify(news)}\n\n`
    }
    return text
  }

  /** What came since the last beat: the newest few of it, and how many those are not. */
  #tail(listener: Listener, queue: string): Tail | undefined {
    const { engine } = this.#ports
    const next = engine.log(queue)?.next ?? 0
    // A queue that was made anew counts from the beginning.
    if (next < listener.position) listener.position = 0
    if (next === listener.position) return undefined
    const came = next - listener.position
    const countMax = adminLimits.tailMessagesMax
    const found = engine.read(queue, { before: next }, { countMax, bytesMax: 1024 * 1024 })
    const records = found.ok
      ? found.value.filter(({ position }) => position >= listener.position)
      : []
    const bodyBytesMax = adminLimits.previewBytes
    const messages = records
      .reverse()
      .flatMap(record => viewMessages(this.#ports, record, { standing: undefined, bodyBytesMax }))
      .slice(-countMax)
    listener.position = next
    return { queue, messages, skipped: Math.max(0, came - messages.length) }
  }
}
