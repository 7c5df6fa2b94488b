/**
 * What happened, in order: the source of the dots, of the log in words, and of the biography of one
 * message. Bounded: the oldest half is forgotten when it is full.
 */

export type HappeningKind =
  | 'owed'
  | 'sent'
  | 'refused'
  | 'delivered'
  | 'effect'
  | 'repeat'
  | 'acked'
  | 'failed'
  | 'returned'
  | 'rejected'
  | 'late-ack'
  | 'lease-ended'
  | 'dead'
  | 'moved'
  | 'lost'
  | 'crash'
  | 'restart'
  | 'redriven'
  | 'power'
  | 'knob'
  | 'note'

export interface Happening {
  readonly id: number
  /** Milliseconds since the run began. */
  readonly at: number
  readonly kind: HappeningKind
  /** The number of the message, where there is one. */
  readonly message?: number | undefined
  /** Names of nodes: where it came from, where it went. */
  readonly from?: string | undefined
  readonly to?: string | undefined
  /** One sentence, with the reason. */
  readonly text: string
}

/** Happenings that are kept: enough for a minute of a busy scenario. */
const keptMax = 60_000

export class History {
  #items: Happening[] = []
  #next = 1

  add(happening: Omit<Happening, 'id'>): void {
    this.#items.push({ id: this.#next++, ...happening })
    if (this.#items.length > keptMax) this.#items = this.#items.slice(keptMax / 2)
  }

  get items(): readonly Happening[] {
    return this.#items
  }

  /** Those at or after a moment, newest last. Found from the end: it is mostly the last few. */
  since(at: number): readonly Happening[] {
    let index = this.#items.length
    while (index > 0 && this.#items[index - 1]!.at >= at) index--
    return this.#items.slice(index)
  }

  /** The life of one message, a line per happening. */
  biography(message: number): readonly Happening[] {
    return this.#items.filter(item => item.message === message)
  }
}

/** `1.5 s`, `250 ms`: the shortest that says it. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${trim(ms / 1000)} s`
  if (ms < 3_600_000) return `${trim(ms / 60_000)} min`
  return `${trim(ms / 3_600_000)} h`
}

function trim(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '')
}
