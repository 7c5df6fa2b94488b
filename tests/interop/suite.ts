/**
 * What `main.ts` runs: one set of checks with other people's programs. A folder beside it has one
 * or more of them, and `suites.ts` lists them.
 */

export interface Suite {
  /** What `--only` is compared with, such as `amqp/programs`. */
  readonly name: string
  run(report: Report, choice: Choice): Promise<void>
}

export interface Choice {
  /** Which brokers the checks run on: the real one checks the checks. */
  readonly spillway: boolean
  readonly peers: boolean
  /** Words that the name of a single check must have; empty: all. */
  readonly only: string
  /** The client's conformance suite alone, kept in docs/compatibility/results. */
  readonly record: boolean
}

export interface Report {
  /** One line of the table at the end. */
  row(row: Row): void
  /** What went wrong, at once. */
  failed(what: string, why: string): void
  /** Something that cannot be had on this machine: named, and no failure. */
  missing(what: string, why: string): void
}

export interface Row {
  readonly broker: string
  readonly suite: string
  readonly passed: number
  readonly failed: number
}
