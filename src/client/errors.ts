/**
 * The client's errors. Each has a `code` to test for, says which `backend` and `why`, names the
 * ways out (`alternatives`), and whether the same call may succeed when it is made again.
 *
 *     SPILLWAY_U_…  the backend cannot do it        UnsupportedError
 *     SPILLWAY_P_…  the plan does not hold          PlanError
 *     SPILLWAY_V_…  the value has the wrong shape   ValidationError
 *     SPILLWAY_T_…  no answer in time               TimeoutError
 *     SPILLWAY_E_…  everything else                 ClientError
 */

export interface ErrorDetails {
  readonly code: string
  readonly backend?: string | undefined
  readonly why: string
  readonly alternatives?: readonly string[] | undefined
  readonly retryable?: boolean | undefined
  readonly cause?: unknown
}

export class ClientError extends Error {
  readonly code: string
  readonly backend: string | undefined
  readonly why: string
  readonly alternatives: readonly string[]
  readonly retryable: boolean

  constructor(details: ErrorDetails) {
    const { code, why, alternatives = [], cause } = details
    const instead = alternatives.length === 0 ? '' : `\n  instead  ${alternatives.join(' → ')}`
    super(`${code}  ${why}${instead}`, cause === undefined ? undefined : { cause })
    this.name = 'ClientError'
    this.code = code
    this.backend = details.backend
    this.why = why
    this.alternatives = alternatives
    this.retryable = details.retryable ?? false
  }
}

/** The backend cannot do what was asked; known before message one through `bus.plan`. */
export class UnsupportedError extends ClientError {
  constructor(details: ErrorDetails) {
    super(details)
    this.name = 'UnsupportedError'
  }
}

/** The backend can do it, but not as it is set up. */
export class PlanError extends ClientError {
  constructor(details: ErrorDetails) {
    super(details)
    this.name = 'PlanError'
  }
}

/** One thing that is wrong with a value, and where in it. */
export interface ShapeIssue {
  readonly path: string
  readonly message: string
}

export class ValidationError extends ClientError {
  readonly issues: readonly ShapeIssue[]
  constructor(details: ErrorDetails & { readonly issues: readonly ShapeIssue[] }) {
    super(details)
    this.name = 'ValidationError'
    this.issues = details.issues
  }
}

/** No answer in time. What was asked for may have happened all the same. */
export class TimeoutError extends ClientError {
  constructor(details: ErrorDetails) {
    super({ retryable: true, ...details })
    this.name = 'TimeoutError'
  }
}

/** The other side of a request threw. */
export class RemoteError extends ClientError {
  readonly remoteName: string
  constructor(details: ErrorDetails & { readonly remoteName: string }) {
    super(details)
    this.name = 'RemoteError'
    this.remoteName = details.remoteName
  }
}

/** Some messages of a batch were not confirmed: `errors` has a place for each message. */
export class BatchError extends ClientError {
  readonly errors: readonly (Error | undefined)[]
  constructor(details: ErrorDetails & { readonly errors: readonly (Error | undefined)[] }) {
    super(details)
    this.name = 'BatchError'
    this.errors = details.errors
  }
}

/** Thrown by a handler: no retry, straight to the dead letters. */
export class Reject extends Error {
  constructor(reason: string, options?: { readonly cause?: unknown }) {
    super(reason, options)
    this.name = 'Reject'
  }
}

/** What anything that was thrown says of itself. */
export function describeError(thrown: unknown): {
  readonly name: string
  readonly message: string
} {
  if (thrown instanceof Error) return { name: thrown.name, message: thrown.message }
  return { name: 'Error', message: String(thrown) }
}
