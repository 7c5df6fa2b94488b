/**
 * The event stream: what pages show lives from one beat, ten times a second, for all of them.
 * Counters are aggregated here, lists go out once a second, and nothing is sent that has not
 * changed. What several pages ask for is computed and written as JSON once; when a beat costs more
 * than its share of the processor, the next one comes later. A page that does not read gets nothing
 * more until it does; since each event is the whole state of its part, nothing is lost by that but
 * frames.
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

/** What all pages share of one beat. */
interface Beat {
  /** The lists' turn has come; a new page's comes at once. */
  readonly lists: boolean
  /** What they took. */
  listMs: number
  readonly json: Map<string, string>
}

const encoder = new TextEncoder()

export class EventStreams {
  readonly #ports: AdminPorts
  readonly #catalogue: Catalogue
  readonly #releases: Releases
  readonly #listeners = new Set<Listener>()
  #timer: Timer | undefined
  #listsDue = 0

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
    const { clock } = this.#ports
    const began = clock.monotonic()
    const beat: Beat = { lists: began >= this.#listsDue, listMs: 0, json: new Map() }
    const bytes = new Map<string, Uint8Array>()
    const outgoing: [Listener, Uint8Array][] = []
    for (const listener of this.#listeners) {
      // Not read so far: its next beat says more.
      if ((listener.controller.desiredSize ?? 0) <= 0) continue
      const text = this.#textFor(listener, beat)
      if (text === '') continue
      let encoded = bytes.get(text)
      encoded ??= encoder.encode(text)
      bytes.set(text, encoded)
      outgoing.push([listener, encoded])
    }
    const { beatMs, listMs, beatShare, pageWriteMs } = adminLimits
    const tookMs = clock.monotonic() - began + outgoing.length * pageWriteMs
    if (beat.lists) this.#listsDue = began + Math.max(listMs, beat.listMs / beatShare)
    if (outgoing.length > 0) await this.#releases.all()
    for (const [listener, encoded] of outgoing) {
      if (this.#listeners.has(listener)) listener.controller.enqueue(encoded)
    }
    if (this.#listeners.size === 0) return
    this.#wait(Math.max(beatMs, (tookMs - beat.listMs) / beatShare))
  }

  #textFor(listener: Listener, beat: Beat): string {
    const { wanted } = listener
    let text = ''
    const add = (name: keyof Events, key: string, make: () => Events[keyof Events] | undefined) => {
      let json = beat.json.get(key)
      if (json === undefined) {
        json = JSON.stringify(make() ?? null)
        beat.json.set(key, json)
      }
      if (listener.last.get(name) === json) return
      listener.last.set(name, json)
      text += `event: ${name}\ndata: ${json}\n\n`
    }
    if (beat.lists || listener.last.size === 0) {
      const { clock } = this.#ports
      const began = clock.monotonic()
      if (wanted.overview) add('overview', 'overview', () => this.#catalogue.overview(true))
      const { list } = wanted
      if (list !== undefined) {
        add('queues', `queues ${JSON.stringify(list)}`, () => this.#catalogue.list(list, true))
      }
      beat.listMs += clock.monotonic() - began
    }
    const { queue, tail } = wanted
    if (queue !== undefined) add('queue', `queue ${queue}`, () => this.#catalogue.detail(queue))
    if (tail !== undefined) {
      text += this.#tailText(listener, tail, beat)
    }
    return text
  }

  /** Pages that follow one queue have mostly come equally far. */
  #tailText(listener: Listener, queue: string, { json }: Beat): string {
    const next = this.#ports.engine.log(queue)?.next ?? 0
    // A queue that was made anew counts from the beginning.
    const since = next < listener.position ? 0 : listener.position
    listener.position = next
    if (next === since) return ''
    const key = `tail ${since} ${queue}`
    let text = json.get(key)
    text ??= `event: tail\ndata: ${JSON.stringify(this.#tail(queue, since, next))}\n\n`
    json.set(key, text)
    return text
  }

  /** What came since the last beat: the newest few of it, and how many those are not. */
  #tail(queue: string, since: number, next: number): Tail {
    const countMax = adminLimits.tailMessagesMax
    const bounds = { countMax, bytesMax: 1024 * 1024 }
    const found = this.#ports.engine.read(queue, { before: next }, bounds)
    const records = found.ok ? found.value.filter(({ position }) => position >= since) : []
    const bodyBytesMax = adminLimits.previewBytes
    const messages = records
      .reverse()
      .flatMap(record => viewMessages(this.#ports, record, { standing: undefined, bodyBytesMax }))
      .slice(-countMax)
    return { queue, messages, skipped: Math.max(0, next - since - messages.length) }
  }
}
