/**
 * Rates and histories: what the totals of all queues were a moment ago, and what they are now. One
 * timer for all pages; it takes at most `sampleShare` of the time, so with very many queues it
 * samples less often.
 */

import type { LogInfo } from '../engine/model.ts'
import type { Timer } from '../engine/ports.ts'
import type { History, QueueTotals, Rates } from './contract.ts'
import { Histories, overviewResolutions, queueResolutions } from './history.ts'
import { adminLimits } from './limits.ts'
import type { AdminPorts } from './ports.ts'
import type { Releases } from './releases.ts'
import type { Survey } from './survey.ts'
import { noRates } from './views.ts'

/** The newer half of a rate: over some five samples. */
const weight = 0.4
const idle = 0.01

const emptyHistory: History = { stepMs: 1000, times: [], series: {} }

interface Seen {
  totals: QueueTotals
  rates: Rates
  round: number
}

const overviewNames = [
  'in',
  'out',
  'settled',
  'ready',
  'leased',
  'connections',
  'memory',
  'lagMs',
  'diskMs',
]
const queueNames = ['in', 'out', 'settled', 'ready', 'leased', 'delayed']

export class Sampler {
  readonly #ports: AdminPorts
  readonly #survey: Survey
  readonly #releases: Releases
  readonly #seen = new Map<string, Seen>()
  readonly #overview = new Histories(overviewNames, overviewResolutions)
  readonly #queues = new Map<string, { histories: Histories; usedAt: number }>()
  readonly #json = new Map<string, string>()
  /** How late the last timer was: the load on the event loop, in ms. */
  lagMs = 0
  rates: Rates = noRates
  /** How long what waited at a sample took to the disk, in ms; null: nothing has waited yet. */
  diskMs: number | null = null
  /** What the process used at the last sample. */
  usage: ReturnType<AdminPorts['usage']>
  #round = 0
  #at: number
  #due: number
  #timer: Timer | undefined

  constructor(ports: AdminPorts, survey: Survey, releases: Releases) {
    this.#ports = ports
    this.#survey = survey
    this.#releases = releases
    this.usage = ports.usage()
    this.#at = ports.clock.monotonic()
    this.#due = this.#at
    this.#wait(0)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  ratesOf(name: string): Rates {
    return this.#seen.get(name)?.rates ?? noRates
  }

  /**
   * A history as JSON, of the broker or of one queue; empty where nothing has happened yet, and
   * where there are too many queues. Until the next sample, all pages get the same text.
   */
  historyJson(queue: string | undefined, spanMs: number): string {
    const key = JSON.stringify([spanMs, queue])
    let json = this.#json.get(key)
    if (json === undefined) {
      const histories = queue === undefined ? this.#overview : this.#queues.get(queue)?.histories
      const history = histories?.read(this.#ports.clock.now(), spanMs) ?? emptyHistory
      json = JSON.stringify(history)
      this.#json.set(key, json)
    }
    return json
  }

  #wait(tookMs: number): void {
    const { clock } = this.#ports
    const delayMs = Math.max(adminLimits.sampleMs, tookMs / adminLimits.sampleShare)
    this.#due = clock.monotonic() + delayMs
    this.#timer = clock.schedule(delayMs, () => {
      this.lagMs = Math.max(0, clock.monotonic() - this.#due)
      const began = clock.monotonic()
      this.#sample(began)
      this.#wait(clock.monotonic() - began)
    })
  }

  #sample(nowMs: number): void {
    const { clock, connections } = this.#ports
    const seconds = Math.max(0.001, (nowMs - this.#at) / 1000)
    this.#at = nowMs
    this.#round++
    this.#json.clear()
    this.#timeDisk()
    const now = clock.now()
    const sum = { in: 0, out: 0, settled: 0, returned: 0, dead: 0 }
    const { infos, sums } = this.#survey.fresh()
    for (const info of infos) {
      const rates = this.#rate(info, seconds)
      this.#remember(info, rates, now)
      if (rates === noRates) continue
      sum.in += rates.in
      sum.out += rates.out
      sum.settled += rates.settled
      sum.returned += rates.returned
      sum.dead += rates.dead
    }
    if (this.#seen.size > infos.length) this.#forgetDropped()
    const { in: into, out, settled, returned, dead } = sum
    this.rates = { in: into, out, settled, returned, dead }
    this.usage = this.#ports.usage()
    const open = connections.list().length
    this.#overview.add(now, [
      into,
      out,
      settled,
      sums.ready,
      sums.leased,
      open,
      this.usage.residentBytes,
      this.lagMs,
      this.diskMs ?? 0,
    ])
  }

  #timeDisk(): void {
    const { clock, engine } = this.#ports
    if (engine.gate <= engine.released) return
    const began = clock.monotonic()
    void this.#releases.all().then(() => {
      this.diskMs = clock.monotonic() - began
    })
  }

  #forgetDropped(): void {
    for (const [name, seen] of this.#seen) if (seen.round !== this.#round) this.#seen.delete(name)
  }

  #rate(info: LogInfo, seconds: number): Rates {
    const seen = this.#seen.get(info.name)
    const { totals } = info
    // A queue of the same name that counts from the beginning is another queue.
    if (seen === undefined || totals.appended < seen.totals.appended) {
      this.#seen.set(info.name, { totals, rates: noRates, round: this.#round })
      return noRates
    }
    const before = seen.totals
    seen.round = this.#round
    seen.totals = totals
    if (isSame(before, totals) && seen.rates === noRates) return noRates
    const blend = (old: number, from: number, to: number): number => {
      const rate = weight * ((to - from) / seconds) + (1 - weight) * old
      return rate < idle ? 0 : rate
    }
    const { rates } = seen
    const next: Rates = {
      in: blend(rates.in, before.appended, totals.appended),
      out: blend(rates.out, before.delivered, totals.delivered),
      settled: blend(rates.settled, before.settled, totals.settled),
      returned: blend(rates.returned, before.returned, totals.returned),
      dead: blend(rates.dead, before.deadLettered, totals.deadLettered),
    }
    const isIdle = next.in + next.out + next.settled + next.returned + next.dead === 0
    seen.rates = isIdle ? noRates : next
    return seen.rates
  }

  #remember(info: LogInfo, rates: Rates, now: number): void {
    let kept = this.#queues.get(info.name)
    if (kept === undefined) {
      if (rates === noRates) return
      if (this.#queues.size >= adminLimits.historiesMax && !this.#forgetOne(now)) return
      kept = { histories: new Histories(queueNames, queueResolutions), usedAt: now }
      this.#queues.set(info.name, kept)
    }
    if (rates !== noRates) kept.usedAt = now
    const { ready, leased, delayed } = info
    kept.histories.add(now, [rates.in, rates.out, rates.settled, ready, leased, delayed])
  }

  /** Lets go of the history of a queue where nothing has happened for a minute. */
  #forgetOne(now: number): boolean {
    for (const [name, { usedAt }] of this.#queues) {
      if (now - usedAt < 60_000) continue
      this.#queues.delete(name)
      return true
    }
    return false
  }
}

function isSame(left: QueueTotals, right: QueueTotals): boolean {
  return (
    left.appended === right.appended &&
    left.delivered === right.delivered &&
    left.settled === right.settled &&
    left.returned === right.returned &&
    left.deadLettered === right.deadLettered
  )
}
