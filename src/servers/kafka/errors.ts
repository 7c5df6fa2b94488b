/** The engine's refusals in Kafka's codes. */

import type { EngineErrorCode } from '../../engine/errors.ts'
import { codes } from '../../wire/kafka/error-codes.ts'

export const errors: { readonly [Code in EngineErrorCode]: number } = {
  'not-found': codes.UNKNOWN_TOPIC_OR_PARTITION,
  exists: codes.TOPIC_ALREADY_EXISTS,
  'wrong-kind': codes.INVALID_TOPIC_EXCEPTION,
  'in-use': codes.INVALID_REQUEST,
  'not-empty': codes.NON_EMPTY_GROUP,
  exclusive: codes.INVALID_REQUEST,
  full: codes.STORAGE_ERROR,
  'too-large': codes.MESSAGE_TOO_LARGE,
  invalid: codes.INVALID_REQUEST,
  'not-leased': codes.INVALID_REQUEST,
  'disk-full': codes.STORAGE_ERROR,
  overloaded: codes.STORAGE_ERROR,
  limit: codes.INVALID_REQUEST,
}

/** A handler's way out: the code that its answer carries, with a sentence for people. */
export class KafkaError extends Error {
  readonly code: number
  constructor(code: number, message = '') {
    super(message)
    this.name = 'KafkaError'
    this.code = code
  }
}
