/** A broken promise of our own: the caller is wrong, not the peer. Never caught to go on. */
export class AssertionFailed extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'AssertionFailed'
  }
}

/** States what must be true, with the number of the invariant where there is one: `I5: …`. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailed(message)
}

/** For the end of a `switch` over a union: does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unreachable: ${JSON.stringify(value)}`)
}
