/**
 * One partition as one share group sees it (KIP-932): which records are free, who holds which of
 * them until when, which are done. A plain state machine: no clock, no disk.
 *
 *          start                                        end
 *            │ runs: acquired | available | done …       │ nobody has had these
 *     ───────┼───────────────────────────────────────────┼──────────────▶ offsets
 *
 * Neighbours of one state, count and holder are one run, and what is done at the front goes: so the
 * memory is that of what is under way.
 */

type ShareState = 'available' | 'acquired' | 'done'

interface Run {
  first: number
  last: number
  state: ShareState
  /** How often it has been delivered. */
  count: number
  /** While it is acquired. */
  holder: string | undefined
  until: number
}

export interface Acquired {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly deliveryCount: number
}

/** What a member says about a record. A gap is an offset at which there is none. */
export const acknowledgeTypes = { gap: 0, accept: 1, release: 2, reject: 3, renew: 4 } as const

/** One type for all of it, or one for each offset. */
export interface Acknowledgement {
  readonly first: number
  readonly last: number
  readonly types: readonly number[]
}

/** What outlives a restart; what was acquired is available again. */
export interface SavedShare {
  readonly start: number
  readonly end: number
  readonly runs: readonly SavedRun[]
}

type SavedRun = readonly [first: number, last: number, isDone: boolean, count: number]

export class SharePartition {
  /** The first offset that is not done. */
  start: number
  /** From here on nothing has been delivered. */
  end: number
  #runs: Run[]
  readonly #countMax: number

  /** @param countMax after so many deliveries a record is given up */
  constructor(saved: SavedShare, countMax: number) {
    this.start = saved.start
    this.end = saved.end
    this.#countMax = countMax
    this.#runs = saved.runs.map(([first, last, isDone, count]) => ({
      ...{ first, last, count, holder: undefined, until: 0 },
      state: isDone ? 'done' : 'available',
    }))
  }

  save(): SavedShare {
    return {
      start: this.start,
      end: this.end,
      runs: this.#runs.map(
        ({ first, last, state, count }): SavedRun => [first, last, state === 'done', count],
      ),
    }
  }

  /** Offsets that somebody holds. */
  get held(): number {
    return this.#count('acquired')
  }

  /** Offsets between start and end that are done. */
  get doneAhead(): number {
    return this.#count('done')
  }

  #count(wanted: ShareState): number {
    let count = 0
    for (const { first, last, state } of this.#runs) if (state === wanted) count += last - first + 1
    return count
  }

  /** The first offset from `from` on that may be delivered. */
  nextAvailable(from: number): number {
    for (const { first, last, state } of this.#runs) {
      if (last >= from && state === 'available') return Math.max(first, from)
    }
    return Math.max(this.end, from)
  }

  /** Gives `holder` what is free among these offsets, at most `countMax` of it. */
  acquire(range: {
    readonly first: number
    readonly last: number
    readonly holder: string
    readonly until: number
    readonly countMax: number
  }): Acquired[] {
    const { first, holder, until } = range
    let left = range.countMax
    let last = range.last
    if (last >= this.end) {
      last = Math.min(last, Math.max(this.end, first) + left - 1)
      if (last >= this.end) this.#extend(last)
    }
    this.#split(first)
    this.#split(last + 1)
    const acquired: Acquired[] = []
    for (const run of this.#runs) {
      if (left <= 0 || run.first > last) break
      if (run.last < first || run.state !== 'available') continue
      if (run.last - run.first + 1 > left) {
        this.#split(run.first + left)
      }
      run.state = 'acquired'
      run.count++
      run.holder = holder
      run.until = until
      left -= run.last - run.first + 1
      const { first: firstOffset, last: lastOffset, count: deliveryCount } = run
      acquired.push({ firstOffset, lastOffset, deliveryCount })
    }
    this.#tidy()
    return acquired
  }

  /** There is no record at these offsets, or nobody is to see it. */
  skip(first: number, last: number): void {
    if (last >= this.end) this.#extend(last)
    this.#change(first, last, run => {
      if (run.state === 'available') run.state = 'done'
    })
  }

  /**
   * What `holder` says about what it holds. False, and nothing has changed: it does not hold all of
   * it.
   */
  acknowledge(
    batches: readonly Acknowledgement[],
    { holder, until }: { readonly holder: string; readonly until: number },
  ): boolean {
    if (batches.some(({ first, last }) => !this.#holds(first, last, holder))) return false
    for (const batch of batches) this.#settle(segmentsOf(batch), until)
    return true
  }

  #holds(first: number, last: number, holder: string): boolean {
    let at = first
    for (const run of this.#runs) {
      if (run.last < at) continue
      if (run.first > at || run.state !== 'acquired' || run.holder !== holder) return false
      at = run.last + 1
      if (at > last) return true
    }
    return false
  }

  /** One pass over all runs, however many fates there are. */
  #settle(segments: readonly Segment[], until: number): void {
    const runs: Run[] = []
    let index = 0
    for (const run of this.#runs) {
      let from = run.first
      for (; index < segments.length && segments[index]!.first <= run.last; index++) {
        const { first, last, type } = segments[index]!
        if (first > from) runs.push({ ...run, first: from, last: first - 1 })
        const piece = { ...run, first: Math.max(from, first), last: Math.min(run.last, last) }
        if (type === acknowledgeTypes.renew) piece.until = until
        else if (type === acknowledgeTypes.release) this.#free(piece)
        else piece.state = 'done'
        runs.push(piece)
        from = piece.last + 1
        if (last > run.last) break
      }
      if (from <= run.last) runs.push({ ...run, first: from })
    }
    this.#runs = runs
    this.#tidy()
  }

  /** Available again, unless it has been tried often enough. */
  #free(run: Run): void {
    run.state = run.count >= this.#countMax ? 'done' : 'available'
  }

  /** Locks that end at `now`; true: something has changed. */
  expire(now: number): boolean {
    let hasChanged = false
    for (const run of this.#runs) {
      if (run.state !== 'acquired' || run.until > now) continue
      this.#free(run)
      hasChanged = true
    }
    if (hasChanged) this.#tidy()
    return hasChanged
  }

  /** The holder is gone before it said anything. As with Kafka, that was a delivery. */
  release(holder: string): boolean {
    let hasChanged = false
    for (const run of this.#runs) {
      if (run.state !== 'acquired' || run.holder !== holder) continue
      this.#free(run)
      hasChanged = true
    }
    if (hasChanged) this.#tidy()
    return hasChanged
  }

  /** Nothing is left before `first`; true: something has changed. */
  cut(first: number): boolean {
    if (first <= this.start) return false
    if (first > this.end) this.#extend(first - 1)
    this.#split(first)
    this.#runs = this.#runs.filter(run => run.first >= first)
    this.start = first
    this.#tidy()
    return true
  }

  #extend(last: number): void {
    const run = { first: this.end, last, state: 'available', count: 0 } as const
    this.#runs.push({ ...run, holder: undefined, until: 0 })
    this.end = last + 1
  }

  #change(first: number, last: number, change: (run: Run) => void): void {
    this.#split(first)
    this.#split(last + 1)
    for (const run of this.#runs) if (run.first >= first && run.last <= last) change(run)
    this.#tidy()
  }

  /** No run reaches over `at` any more. */
  #split(at: number): void {
    const index = this.#runs.findIndex(({ first, last }) => first < at && at <= last)
    if (index < 0) return
    const run = this.#runs[index]!
    this.#runs.splice(index + 1, 0, { ...run, first: at })
    run.last = at - 1
  }

  #tidy(): void {
    const runs: Run[] = []
    for (const run of this.#runs) {
      if (run.state === 'done' && runs.length === 0) continue
      const before = runs[runs.length - 1]
      if (before !== undefined && isSame(before, run)) before.last = run.last
      else runs.push(run)
    }
    this.#runs = runs
    this.start = runs[0]?.first ?? this.end
  }
}

interface Segment {
  readonly first: number
  last: number
  readonly type: number
}

/** Neighbours with one fate are one. */
function segmentsOf({ first, last, types }: Acknowledgement): Segment[] {
  if (types.length === 1) return [{ first, last, type: types[0]! }]
  const segments: Segment[] = []
  for (const [index, type] of types.entries()) {
    const before = segments[segments.length - 1]
    if (before?.type === type) before.last++
    else segments.push({ first: first + index, last: first + index, type })
  }
  return segments
}

function isSame(left: Run, right: Run): boolean {
  if (left.state !== right.state) return false
  if (left.state === 'done') return true
  if (left.count !== right.count) return false
  return left.state === 'available' || (left.holder === right.holder && left.until === right.until)
}
