/**
 * What has happened to each message, for tests that ask and for failures that must be explained.
 * It stands between the servers and the engine and writes down what passes; it changes nothing.
 */

import { decodeHeaders } from '../client/drivers/embedded/envelope.ts'
import type { EngineDoor } from '../engine/engine.ts'
import { formats, type Settlement, type StoredRecord, type Subscriber } from '../engine/model.ts'

/** One thing that happened to a message. */
export interface Chapter {
  /** Milliseconds since 1970, by the broker's clock. */
  readonly at: number
  readonly queue: string
  readonly position: number
  readonly what: 'handed out' | 'done' | 'returned' | 'rejected'
  /** 1 for the first hand-out. */
  readonly attempt: number | undefined
  readonly holder: string
}

/** So many chapters are kept; then the oldest go. */
const chaptersMax = 100_000

export class Chronicle {
  readonly #chapters: Chapter[] = []
  readonly #places = new Map<string, Set<string>>()

  /** The engine, with every hand-out and every settlement written down. */
  watch(engine: EngineDoor): EngineDoor {
    const watched: Partial<EngineDoor> = {
      subscribe: (queue, subscriber) =>
        engine.subscribe(queue, this.#listening(engine, queue, subscriber)),
      lease: (target, options) => {
        const leased = engine.lease(target, options)
        if (leased.ok) {
          for (const { record, attempts } of leased.value) {
            this.#handedOut(engine, target.log, { record, attempts, holder: options.holder })
          }
        }
        return leased
      },
      settle: (target, holder, positions, settlement) => {
        const outcome = engine.settle(target, holder, positions, settlement)
        if (outcome.ok) {
          for (const position of positions) {
            this.#add({
              at: engine.now,
              queue: target.log,
              position,
              what: whatBecame(settlement),
              attempt: undefined,
              holder,
            })
          }
        }
        return outcome
      },
    }
    return new Proxy(engine, {
      get: (target, name) => {
        const own = watched[name as keyof EngineDoor]
        if (own !== undefined) return own
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  /** Everything about one message, by its id (`spillway-id`, `message-id`) or `queue@position`. */
  of(id: string): readonly Chapter[] {
    const places = this.#places.get(id) ?? new Set([id])
    return this.#chapters.filter(({ queue, position }) => places.has(placeOf(queue, position)))
  }

  /** Of every message that somebody has had, its id or place, in the order of first hand-outs. */
  names(): string[] {
    const byPlace = new Map<string, string>()
    for (const [id, places] of this.#places) for (const place of places) byPlace.set(place, id)
    const names = this.#chapters.map(({ queue, position }) => {
      const place = placeOf(queue, position)
      return byPlace.get(place) ?? place
    })
    return [...new Set(names)]
  }

  /** How often it was handed out. */
  attempts(id: string): number {
    return this.of(id).filter(({ what }) => what === 'handed out').length
  }

  #listening(engine: EngineDoor, queue: string, subscriber: Subscriber): Subscriber {
    const { holder } = subscriber
    return {
      ...subscriber,
      deliver: delivery => {
        this.#handedOut(engine, queue, { ...delivery, holder })
        subscriber.deliver(delivery)
      },
      ended: reason => subscriber.ended(reason),
    }
  }

  #handedOut(
    engine: EngineDoor,
    queue: string,
    {
      record,
      attempts,
      holder,
    }: { readonly record: StoredRecord; readonly attempts: number; readonly holder: string },
  ): void {
    const { position } = record
    const id = idOf(record)
    if (id !== undefined) {
      const places = this.#places.get(id) ?? new Set()
      places.add(placeOf(queue, position))
      this.#places.set(id, places)
    }
    this.#add({ at: engine.now, queue, position, what: 'handed out', attempt: attempts, holder })
  }

  #add(chapter: Chapter): void {
    if (this.#chapters.length === chaptersMax) this.#chapters.shift()
    this.#chapters.push(chapter)
  }
}

/** For people, one line a chapter; `since` is when the broker began. */
export function printBiography(chapters: readonly Chapter[], since: number): string {
  return chapters
    .map(({ at, queue, position, what, attempt, holder }) => {
      const tries = attempt === undefined ? '' : `, attempt ${attempt}`
      return `  +${at - since} ms  ${queue}@${position}  ${what}${tries} (${holder})`
    })
    .join('\n')
}

export function placeOf(queue: string, position: number): string {
  return `${queue}@${position}`
}

function whatBecame(settlement: Settlement): Chapter['what'] {
  switch (settlement.kind) {
    case 'done':
      return 'done'
    case 'return':
      return 'returned'
    case 'reject':
      return 'rejected'
  }
}

/** The id that its sender knows, where its envelope says so. */
export function idOf({ format, envelope }: StoredRecord): string | undefined {
  if (format !== formats.amqpProperties) return undefined
  return decodeHeaders(envelope)['spillway-id']
}
