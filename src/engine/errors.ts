/**
 * The engine's catalogue of refusals. A refusal is a value inside (`Outcome`), and every server
 * maps the whole catalogue to its own words: a total `Record<EngineErrorCode, …>`.
 */

export const engineErrors = {
  'not-found': { sentence: 'There is nothing with that name.', retryable: false },
  exists: { sentence: 'Something with that name exists already.', retryable: false },
  'wrong-kind': { sentence: 'That name belongs to something of another kind.', retryable: false },
  'in-use': { sentence: 'It still has subscribers or bindings.', retryable: false },
  'not-empty': { sentence: 'It still holds records.', retryable: false },
  exclusive: { sentence: 'Another subscriber holds it exclusively.', retryable: false },
  full: { sentence: 'The length limit is reached and new records are refused.', retryable: true },
  'too-large': { sentence: 'The record is larger than the limit.', retryable: false },
  invalid: { sentence: 'An argument is outside its bounds.', retryable: false },
  'not-leased': { sentence: 'That record is not leased by this holder.', retryable: false },
  'disk-full': {
    sentence: 'The disk is full; records are refused until space returns.',
    retryable: true,
  },
  overloaded: { sentence: 'Too many bytes wait for the disk.', retryable: true },
  limit: { sentence: 'A limit on the number of such things is reached.', retryable: false },
} as const satisfies Record<string, { sentence: string; retryable: boolean }>

export type EngineErrorCode = keyof typeof engineErrors

/** A verb's answer: a value, or an expected refusal with the detail that a person needs. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: EngineErrorCode; readonly detail: string }

export function done<T>(value: T): Outcome<T> {
  return { ok: true, value }
}

export function refused(error: EngineErrorCode, detail = ''): Outcome<never> {
  return { ok: false, error, detail }
}

/**
 * The engine has stopped for good: a write failed, the data is damaged, or an assertion did not
 * hold (I10). Every later call throws the same cause until the engine is opened again.
 */
export class EngineFailure extends Error {
  readonly code: 'SPILLWAY_E_WRITE' | 'SPILLWAY_E_DAMAGED' | 'SPILLWAY_E_BUG' | 'SPILLWAY_E_CLOSED'
  constructor(code: EngineFailure['code'], message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'EngineFailure'
    this.code = code
  }
}
