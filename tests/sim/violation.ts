/** What the simulator throws when the engine did what it must not. */

/** The invariants of architecture.md, and what lies beside them. */
export type Rule =
  | 'I1'
  | 'I2'
  | 'I3'
  | 'I4'
  | 'I5'
  | 'I6'
  | 'I7'
  | 'I8'
  | 'I9'
  | 'I10'
  /** An answer that is not the model's. */
  | 'answer'
  /** Something that should have happened by now. */
  | 'progress'

export class Violation extends Error {
  readonly rule: Rule
  constructor(rule: Rule, message: string) {
    super(`${rule}: ${message}`)
    this.name = 'Violation'
    this.rule = rule
  }
}

export function violated(rule: Rule, message: string): never {
  throw new Violation(rule, message)
}

export function demand(condition: boolean, rule: Rule, message: string): asserts condition {
  if (!condition) violated(rule, message)
}
