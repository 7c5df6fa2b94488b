/**
 * How far a group is in one partition, message by message. Kafka keeps one offset for that; the
 * rest is text in the metadata that is committed with it:
 *
 * ```
 * offset     the watermark: everything below it is settled
 * metadata   1;SETTLED;HELD;OWNER     numbers in base 36
 * SETTLED    GAP.COUNT,…              settled ranges above the watermark, each from the end of the
 *                                     one before
 * HELD       GAP*COUNT:ATTEMPT,…      handed out, COUNT neighbours (1: left out), at which attempt
 *                                     (1: left out)
 *            GAP:ATTEMPT@DUE          waits for its next attempt until DUE, wall-clock milliseconds
 * OWNER      the transactional id of the process that has what is out
 * ```
 *
 * So a successor hands out no settled message again, and knows which ones were in somebody's hands.
 * A group that other clients moved, or whose metadata is not ours, is only an offset.
 */

/** An unsettled message about which more is known than that it is there. */
export interface Held {
  readonly attempt: number
  /** In a consumer's hands. */
  readonly isOut: boolean
  /** 0: at once. */
  readonly dueAt: number
}

const version = '1'
/** More than any process has in its hands: a longer range was not written by us. */
const heldCountMax = 100_000
const base = 36

export class Progress {
  /** Everything below is settled. */
  watermark: number
  /** Settled above the watermark: start and end (not included), in order, never touching. */
  readonly #settled: [start: number, end: number][] = []
  readonly #held = new Map<number, Held>()

  constructor(watermark: number) {
    this.watermark = watermark
  }

  /** What a commit says. */
  static decode(offset: number, metadata: string | null): Progress {
    const progress = new Progress(offset)
    const [kind, settled = '', held = ''] = (metadata ?? '').split(';')
    if (kind !== version) return progress
    let at = offset
    for (const part of settled.split(',')) {
      const [, gap = '', count = ''] = /^([0-9a-z]+)\.([0-9a-z]+)$/.exec(part) ?? []
      if (gap === '') continue
      progress.settle(at + parseInt(gap, base), parseInt(count, base))
      at += parseInt(gap, base) + parseInt(count, base)
    }
    at = offset
    for (const part of held.split(',')) {
      const match = /^([0-9a-z]+)(?:\*([0-9a-z]+))?(?::([0-9a-z]+))?(?:@([0-9a-z]+))?$/.exec(part)
      if (match === null) continue
      const number = (text: string | undefined, fallback: number) =>
        text === undefined ? fallback : parseInt(text, base)
      at += number(match[1], 0)
      const count = Math.min(number(match[2], 1), heldCountMax)
      const attempt = number(match[3], 1)
      const isOut = match[4] === undefined
      for (let index = 0; index < count; index++) {
        const dueAt = number(match[4], 0)
        progress.hold(at + index, { attempt, isOut, dueAt })
      }
      at += count
    }
    return progress
  }

  /** For a successor: what was out has come back, and an attempt is lost with it. */
  takeOver(): void {
    for (const [offset, { attempt, isOut }] of this.#held) {
      if (isOut) this.#held.set(offset, { attempt: attempt + 1, isOut: false, dueAt: 0 })
    }
  }

  /** Whether something was in somebody's hands. */
  get isAnyOut(): boolean {
    for (const { isOut } of this.#held.values()) if (isOut) return true
    return false
  }

  encode(owner = ''): string {
    let at = this.watermark
    const settled = this.#settled.map(([start, end]) => {
      const text = `${(start - at).toString(base)}.${(end - start).toString(base)}`
      at = end
      return text
    })
    at = this.watermark
    const held: string[] = []
    const entries = [...this.#held].sort(([a], [b]) => a - b)
    for (let index = 0; index < entries.length; ) {
      const [offset, { attempt, isOut, dueAt }] = entries[index]!
      let count = 1
      while (isOut && isAlike(entries[index + count], offset + count, attempt)) count++
      const gap = (offset - at).toString(base)
      const times = count === 1 ? '' : `*${count.toString(base)}`
      const which = attempt === 1 ? '' : `:${attempt.toString(base)}`
      held.push(`${gap}${times}${which}${isOut ? '' : `@${dueAt.toString(base)}`}`)
      at = offset + count
      index += count
    }
    if (settled.length === 0 && held.length === 0) return ''
    const ownerIfAny = owner !== '' && this.isAnyOut ? `;${owner}` : ''
    return `${version};${settled.join(',')};${held.join(',')}${ownerIfAny}`
  }

  isSettled(offset: number): boolean {
    if (offset < this.watermark) return true
    const index = this.#find(offset)
    const range = this.#settled[index]
    return range !== undefined && range[0] <= offset
  }

  held(offset: number): Held | undefined {
    return this.#held.get(offset)
  }

  hold(offset: number, held: Held): void {
    if (!this.isSettled(offset)) this.#held.set(offset, held)
  }

  /** Back to where nothing is known of it. */
  release(offset: number): void {
    this.#held.delete(offset)
  }

  settle(offset: number, count = 1): void {
    let start = offset
    let end = offset + count
    if (count === 1) this.#held.delete(offset)
    else for (const one of this.#held.keys()) if (one >= start && one < end) this.#held.delete(one)
    if (end <= this.watermark) return
    start = Math.max(start, this.watermark)
    const from = this.#find(start - 1)
    let to = from
    while (to < this.#settled.length && this.#settled[to]![0] <= end) {
      start = Math.min(start, this.#settled[to]![0])
      end = Math.max(end, this.#settled[to]![1])
      to++
    }
    this.#settled.splice(from, to - from, [start, end])
    const [first] = this.#settled
    if (first === undefined || first[0] > this.watermark) return
    this.watermark = first[1]
    this.#settled.shift()
  }

  /** Takes a settlement back: the transaction that it was in came to nothing. */
  unsettle(offset: number, held: Held | undefined): void {
    if (!this.isSettled(offset)) return
    if (offset < this.watermark) {
      if (offset + 1 < this.watermark) this.#settled.unshift([offset + 1, this.watermark])
      this.watermark = offset
    } else {
      const index = this.#find(offset)
      const [start, end] = this.#settled[index]!
      const rest: [number, number][] = [
        [start, offset],
        [offset + 1, end],
      ]
      this.#settled.splice(index, 1, ...rest.filter(([from, to]) => from < to))
    }
    if (held !== undefined) this.#held.set(offset, held)
  }

  /** What a commit of this has to carry besides the offset: holes, and what is held. */
  get pieces(): number {
    return this.#settled.length + this.#held.size
  }

  /** Messages from the watermark to `end` that are not settled, when each offset is a message. */
  unsettledTo(end: number): number {
    let count = Math.max(0, end - this.watermark)
    for (const [start, stop] of this.#settled) count -= Math.max(0, Math.min(stop, end) - start)
    return count
  }

  /** Of those that are held. */
  heldNow(now: number): { readonly out: number; readonly delayed: number } {
    let out = 0
    let delayed = 0
    for (const { isOut, dueAt } of this.#held.values()) {
      if (isOut) out++
      else if (dueAt > now) delayed++
    }
    return { out, delayed }
  }

  heldOffsets(): IterableIterator<[number, Held]> {
    return this.#held.entries()
  }

  /** The index of the first range that ends after `offset`. */
  #find(offset: number): number {
    let low = 0
    let high = this.#settled.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#settled[middle]![1] <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The owner of what is out, in metadata of ours. */
export function ownerOf(metadata: string | null): string | undefined {
  const [kind, , , owner = ''] = (metadata ?? '').split(';')
  return kind === version && owner !== '' ? owner : undefined
}

function isAlike(
  entry: readonly [number, Held] | undefined,
  offset: number,
  attempt: number,
): boolean {
  if (entry === undefined) return false
  const [at, held] = entry
  return at === offset && held.isOut && held.attempt === attempt
}
