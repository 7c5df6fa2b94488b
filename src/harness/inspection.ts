/** What a test asks of its broker: is everything done, what died, how often was it tried. */

import { decodeUtf8 } from '../base/bytes.ts'
import type { EngineDoor } from '../engine/engine.ts'
import type { Death } from '../engine/model.ts'
import { systemClock } from '../platform/clock.ts'
import { type Chapter, type Chronicle, idOf, placeOf, printBiography } from './chronicle.ts'
import { turns } from './clock.ts'

/** A dead letter, whatever protocol its message came by. */
export interface DeadMessage {
  /** As its sender named it, or `queue@position`. */
  readonly id: string
  readonly body: string
  /** Where it died and of what, newest first; empty for those of this package's client. */
  readonly deaths: readonly Death[]
}

const settleMs = 5000

export class Inspection {
  readonly #engine: EngineDoor
  readonly #chronicle: Chronicle
  readonly #since: number

  constructor(engine: EngineDoor, chronicle: Chronicle, since: number) {
    this.#engine = engine
    this.#chronicle = chronicle
    this.#since = since
  }

  /**
   * Resolves when nothing is ready and nothing is in anybody's hands, in `queue` or in all of them.
   * Dead letters, and what waits for its time, do not count. Rejects after `withinMs` (default 5 s,
   * by the machine's clock) with the lives of those that are left.
   */
  async settled(
    options: { readonly queue?: string; readonly withinMs?: number } = {},
  ): Promise<void> {
    const { queue, withinMs = settleMs } = options
    const until = systemClock.monotonic() + withinMs
    for (;;) {
      const busy = this.#busy(queue)
      if (busy.length === 0) return
      if (systemClock.monotonic() > until) {
        throw new Error(`not settled within ${withinMs} ms:\n${busy.map(this.#explain).join('\n')}`)
      }
      await turns(1)
    }
  }

  /** The dead letters of a queue: what lies in `QUEUE.dlq`, or where its policy sends them. */
  deadLetters(queue: string): DeadMessage[] {
    const place = this.#graveyardOf(queue)
    const found = place === undefined ? undefined : this.#engine.peek(place, { countMax: 1000 })
    if (place === undefined || found?.ok !== true) return []
    return found.value.map(record => ({
      id: idOf(record) ?? placeOf(place, record.position),
      body: decodeUtf8(record.body),
      deaths: record.deaths,
    }))
  }

  /** How often a message was handed out, by its id or by `queue@position`. */
  attempts(id: string): number {
    return this.#chronicle.attempts(id)
  }

  /** Everything that happened to a message, in order. */
  biography(id: string): readonly Chapter[] {
    return this.#chronicle.of(id)
  }

  /** The same for people; print it when a test fails. */
  explain(id: string): string {
    const chapters = this.#chronicle.of(id)
    const life =
      chapters.length === 0 ? '  nobody has had it' : printBiography(chapters, this.#since)
    return `${id}:\n${life}`
  }

  /**
   * What there is to say when a test has failed: what lies in each queue, with the lives of the
   * first messages, and then of those that are done.
   */
  story(options: { readonly messagesMax?: number } = {}): string {
    const { messagesMax = 20 } = options
    const lines: string[] = []
    const told = new Set<string>()
    const tell = (name: string): void => {
      if (told.has(name)) return
      told.add(name)
      if (told.size <= messagesMax) lines.push(this.explain(name))
    }
    for (const log of this.#engine.logs()) {
      const info = this.#engine.log(log)
      if (info?.config.queue === undefined) continue
      const { ready, leased } = info
      lines.push(`${log}: ${ready} ready, ${leased} in hand`)
      for (const name of this.#namesIn(log, messagesMax)) tell(name)
    }
    for (const name of this.#chronicle.names()) tell(name)
    if (told.size > messagesMax) lines.push(`… and ${told.size - messagesMax} more messages`)
    return lines.length === 0 ? 'no message was sent to this broker' : lines.join('\n')
  }

  #namesIn(log: string, countMax: number): string[] {
    const found = this.#engine.read(log, { position: 0 }, { countMax, bytesMax: 1024 * 1024 })
    if (!found.ok) return []
    return found.value.map(record => idOf(record) ?? placeOf(log, record.position))
  }

  readonly #explain = (name: string): string => {
    const info = this.#engine.log(name)
    const lives = this.#namesIn(name, 20).map(message => this.explain(message))
    return [`${name}: ${info?.ready} ready, ${info?.leased} in hand`, ...lives].join('\n')
  }

  #busy(queue: string | undefined): string[] {
    const graves = new Set(this.#engine.logs().map(name => this.#graveyardOf(name)))
    return this.#engine.logs().filter(name => {
      if (queue === undefined ? graves.has(name) : name !== queue) return false
      const info = this.#engine.log(name)
      return info?.config.queue !== undefined && info.ready + info.leased > 0
    })
  }

  #graveyardOf(queue: string): string | undefined {
    const engine = this.#engine
    const own = `${queue}.dlq`
    if (engine.log(own) !== undefined) return own
    const deadLetter = engine.log(queue)?.config.queue?.deadLetter
    if (deadLetter === undefined) return undefined
    const { route, key } = deadLetter
    if (route === '') return key
    const bindings = engine.route(route)?.bindings ?? []
    const isAll = engine.route(route)?.config.kind === 'fan-out'
    const found = bindings.find(
      ({ target, key: wanted }) => target.kind === 'log' && (isAll || wanted === (key ?? queue)),
    )
    return found?.target.name
  }
}
