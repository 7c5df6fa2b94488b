/**
 * The states that a crash may lead back to: snapshots of the models, each with the gate that its
 * outputs wait for.
 *
 *     snapshots   3   3   5   7   7   9        released: 7
 *                             └──────────────  what may be recovered: the first 7, and all after it
 *
 * Steps with the same gate changed only what is journaled lazily, so the first one is enough.
 */

import { differenceOf, distanceOf } from './explain.ts'
import { follow, type Moment } from './follow.ts'
import { Model, turnsMax } from './model.ts'
import { restart } from './model-defining.ts'
import { linesOfModel, type Seen } from './observe.ts'
import { violated } from './violation.ts'

interface Snapshot {
  /** -1: it is from before the last start; nothing that this engine says reveals it. */
  readonly gate: number
  readonly models: readonly Model[]
  /** States between the snapshot before and this one were not kept. */
  readonly isAfterGap?: boolean
}

export class History {
  #snapshots: Snapshot[] = [{ gate: -1, models: [new Model()] }]
  /** True when a power cut loses nothing that was released. */
  readonly #isAlways: boolean

  constructor(isAlways: boolean) {
    this.#isAlways = isAlways
  }

  get newest(): number {
    return this.#snapshots.length - 1
  }

  keep(gate: number, models: readonly Model[], released: number, isAfterGap: boolean): void {
    this.#snapshots.push({ gate, models: models.map(model => model.clone()), isAfterGap })
    const floor = this.#isAlways ? this.floor(released) : 0
    if (floor > 0) this.#snapshots.splice(0, floor)
  }

  /** The oldest snapshot that may come back when so much was released. */
  floor(released: number): number {
    let newest = -1
    for (const { gate } of this.#snapshots) if (gate <= released) newest = Math.max(newest, gate)
    const first = this.#snapshots.findIndex(snapshot => snapshot.gate === newest)
    return Math.max(0, first)
  }

  /**
   * Whether each state that may come back when so much was released has this record; true as well
   * where that state was not kept.
   */
  isSafe(released: number, log: string, record: { position: number; id: string }): boolean {
    const oldest = this.#snapshots[this.floor(released)]
    if (oldest === undefined) return false
    const next = this.#snapshots.find(({ gate }) => gate > oldest.gate)
    if (next?.isAfterGap === true) return true
    return oldest.models.some(model =>
      model.logs
        .get(log)
        ?.records.some(({ position, id }) => position === record.position && id === record.id),
    )
  }

  /**
   * The models that fit what is there after a start, of the snapshots from `floor` on (I1, I2).
   * History goes on from them.
   */
  recover(
    seen: Seen,
    lines: readonly string[],
    from: { readonly moment: Moment; readonly floor: number; readonly gate: number },
  ): Model[] {
    const { moment, floor, gate } = from
    const fitting = new Map<string, Model>()
    const origins: Model[] = []
    let last = -1
    let closest = { distance: Number.POSITIVE_INFINITY, text: '', step: -1 }
    for (let index = this.newest; index >= floor; index--) {
      for (const { before, taken } of startsOf(this.#snapshots[index]!.models)) {
        const model = before.clone()
        restart(model, moment.now, moment.monotonic, taken)
        follow(model, seen, moment)
        const modelLines = linesOfModel(model, 'near')
        const text = differenceOf(lines, modelLines)
        if (text !== undefined) {
          const distance = distanceOf(lines, modelLines)
          if (distance < closest.distance) closest = { distance, text, step: index - floor }
          continue
        }
        fitting.set(model.key(), model)
        origins.push(before)
        last = Math.max(last, index)
      }
    }
    if (last < 0) {
      const { step, text } = closest
      const states = this.#snapshots.length - floor
      violated('I1', `it recovers none of ${states} possible states; closest is ${step}: ${text}`)
    }
    // Without a sync for each reply, a later power cut may lead back to before this start.
    const kept = this.#snapshots.slice(this.#isAlways ? floor : 0, last + 1)
    this.#snapshots = kept.map(({ models }) => ({ gate: -1, models }))
    // What the start itself did is journaled lazily: it may be lost again.
    this.#snapshots.push({ gate, models: origins })
    return [...fitting.values()]
  }

  /** After a clean end there is no way back. */
  forgetPast(): void {
    this.#snapshots = this.#snapshots.slice(-2)
  }
}

/** Whose turn it is after a start is not kept: where levels take turns, each is thought through. */
function* startsOf(models: readonly Model[]): Generator<{ before: Model; taken: number }> {
  for (const before of models) {
    const hasTurns = [...before.logs.values()].some(
      ({ config }) => config.queue?.turns !== undefined,
    )
    for (let taken = hasTurns ? turnsMax : 0; taken >= 0; taken--) yield { before, taken }
  }
}
