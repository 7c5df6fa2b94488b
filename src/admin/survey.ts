/**
 * One pass over all queues and streams, for everybody: the sampler makes one each second, and what
 * pages show live is taken from the last one. Whoever asked by hand gets a new one.
 */

import type { EngineDoor } from '../engine/engine.ts'
import type { LogInfo } from '../engine/model.ts'
import type { Clock } from '../engine/ports.ts'
import type { QueueTotals } from './contract.ts'
import { adminLimits } from './limits.ts'
import { noTotals, totalNames } from './views.ts'

export interface Sums {
  records: number
  recordBytes: number
  ready: number
  leased: number
  delayed: number
}

export interface Seen {
  readonly infos: readonly LogInfo[]
  readonly sums: Readonly<Sums>
  readonly totals: QueueTotals
}

export class Survey {
  readonly #engine: EngineDoor
  readonly #clock: Clock
  #last: { readonly at: number; readonly seen: Seen } | undefined

  constructor(engine: EngineDoor, clock: Clock) {
    this.#engine = engine
    this.#clock = clock
  }

  /** As things are now. */
  fresh(): Seen {
    const seen = look(this.#engine)
    this.#last = { at: this.#clock.monotonic(), seen }
    return seen
  }

  /** As things were when somebody looked last, `surveyMs` ago at most. */
  recent(): Seen {
    const last = this.#last
    const isOld = last === undefined || this.#clock.monotonic() - last.at > adminLimits.surveyMs
    return isOld ? this.fresh() : last.seen
  }

  /** Something was made or removed: the next look is a new one. */
  forget(): void {
    this.#last = undefined
  }
}

function look(engine: EngineDoor): Seen {
  const infos: LogInfo[] = []
  const sums: Sums = { records: 0, recordBytes: 0, ready: 0, leased: 0, delayed: 0 }
  const totals = { ...noTotals }
  for (const name of engine.logs()) {
    const info = engine.log(name)
    if (info === undefined) continue
    infos.push(info)
    sums.records += info.count
    sums.recordBytes += info.bytes
    sums.ready += info.ready
    sums.leased += info.leased
    sums.delayed += info.delayed
    for (const total of totalNames) totals[total] += info.totals[total]
  }
  return { infos, sums, totals }
}
