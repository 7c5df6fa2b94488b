/**
 * The ledger: an independent checker. It hears what was owed (a business fact), what was accepted,
 * and what took effect, and counts. It asks the engine only how many records are alive, never what
 * became of one: so a record that vanishes is found missing here, whoever lost it.
 *
 *     owed        facts that demand an effect: an order was placed
 *     processed   facts whose effect took place at least once
 *     duplicated  effects beyond the first of their fact
 *     lost        facts whose effect cannot take place any more
 *     in flight   owed, and neither processed nor lost
 */

export interface Fact {
  readonly number: number
  readonly key: string
  /** Position among the facts of its key, from 1. */
  readonly place: number
  readonly amount: number
  readonly owedAt: number
  /** Effects that it demands: one per queue that it is routed to. */
  copies: number
  readonly effects: Map<string, number>
  /** Effects that nobody will bring about any more. */
  given: number
}

export interface LedgerCounts {
  readonly sent: number
  readonly processed: number
  readonly lost: number
  readonly duplicated: number
  readonly outOfOrder: number
  readonly inFlight: number
  readonly dead: number
  readonly late: number
  readonly deliveries: number
  readonly refused: number
  readonly failedCalls: number
  readonly backlogMax: number
  /** Of the facts that are settled either way. */
  readonly expected: number
  readonly actual: number
}

export class Ledger {
  readonly #facts = new Map<number, Fact>()
  readonly #places = new Map<string, number>()
  readonly #highest = new Map<string, number>()
  readonly #lostFacts = new Set<number>()
  #demanded = 0
  #effects = 0
  #distinct = 0
  #outOfOrder = 0
  #expected = 0
  #actual = 0
  #lost = 0
  #dead = 0
  late = 0
  deliveries = 0
  refused = 0
  failedCalls = 0
  backlogMax = 0

  /** A business fact: from now on the world owes its effect. */
  owe(number: number, key: string, amount: number, at: number): Fact {
    const place = (this.#places.get(key) ?? 0) + 1
    this.#places.set(key, place)
    const fact: Fact = {
      number,
      key,
      place,
      amount,
      owedAt: at,
      copies: 1,
      effects: new Map(),
      given: 0,
    }
    this.#facts.set(number, fact)
    this.#demanded++
    return fact
  }

  fact(number: number): Fact | undefined {
    return this.#facts.get(number)
  }

  get facts(): ReadonlyMap<number, Fact> {
    return this.#facts
  }

  /** It was routed to so many places, each of which owes an effect of its own. */
  routed(number: number, copies: number): void {
    const fact = this.#facts.get(number)!
    if (copies <= fact.copies) return
    this.#demanded += copies - fact.copies
    fact.copies = copies
  }

  /** The effect took place, at a place of work. True when it was the first time there. */
  effect(number: number, where: string): boolean {
    const fact = this.#facts.get(number)
    if (fact === undefined) return false
    const before = fact.effects.get(where) ?? 0
    fact.effects.set(where, before + 1)
    this.#effects++
    this.#actual += fact.amount
    if (before > 0) return false
    this.#distinct++
    this.#expected += fact.amount
    const lane = `${where} ${fact.key}`
    const highest = this.#highest.get(lane) ?? 0
    if (fact.place < highest) this.#outOfOrder++
    else this.#highest.set(lane, fact.place)
    return true
  }

  isDone(number: number, where: string): boolean {
    return (this.#facts.get(number)?.effects.get(where) ?? 0) > 0
  }

  /** Its effect cannot take place any more. */
  lose(number: number): void {
    const fact = this.#facts.get(number)
    if (fact === undefined || fact.effects.size + fact.given >= fact.copies) return
    fact.given++
    this.#lostFacts.add(number)
    this.#lost++
    this.#expected += fact.amount
  }

  get lostNumbers(): ReadonlySet<number> {
    return this.#lostFacts
  }

  /** Records that lie with the dead letters now. */
  set dead(count: number) {
    this.#dead = count
  }

  counts(): LedgerCounts {
    return {
      sent: this.#facts.size,
      processed: this.#distinct,
      lost: this.#lost,
      duplicated: this.#effects - this.#distinct,
      outOfOrder: this.#outOfOrder,
      inFlight: this.#demanded - this.#distinct - this.#lost,
      dead: this.#dead,
      late: this.late,
      deliveries: this.deliveries,
      refused: this.refused,
      failedCalls: this.failedCalls,
      backlogMax: this.backlogMax,
      expected: this.#expected,
      actual: this.#actual,
    }
  }
}
