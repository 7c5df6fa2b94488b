/**
 * Whether a delivery has waited for its acknowledgement too long, without a time for each of them:
 * now and then it is noted which tag was next, and the oldest such mark tells the age of what is
 * below it. So an age is as coarse as a sixtieth of the limit.
 */

export interface Waiting {
  /** The oldest tag that waits, and the one that the next delivery gets; equal when none waits. */
  readonly low: number
  readonly next: number
}

export class HeldSince {
  readonly #marks: { readonly tag: number; readonly at: number }[] = []

  overdue({ low, next }: Waiting, nowMs: number, limitMs: number): boolean {
    const marks = this.#marks
    while (marks.length > 0 && marks[0]!.tag <= low) marks.shift()
    if (low >= next) return false
    const last = marks[marks.length - 1]
    if (last === undefined || (next > last.tag && nowMs - last.at >= limitMs / 60)) {
      marks.push({ tag: next, at: nowMs })
    }
    return nowMs - marks[0]!.at > limitMs
  }
}
