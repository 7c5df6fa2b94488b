/**
 * What a client hears when something is refused: AWS' names, in both protocols. JSON has the name
 * of the shape and, in a header, the code of the older Query protocol; XML has the code alone.
 */

import type { EngineErrorCode } from '../../engine/errors.ts'

interface Code {
  /** Code in the Query protocol, where it differs from the name. */
  readonly query?: string
  /** Default: 400. */
  readonly status?: number
  /** True: the front end's error, whose shape has another name space. */
  readonly general?: true
}

const service = (name: string, status = 400): Code => ({
  query: `AWS.SimpleQueueService.${name}`,
  status,
})
const general = (query: string, status = 400): Code => ({ query, status, general: true })

/** Name of the shape → the rest. */
export const codes = {
  QueueDoesNotExist: service('NonExistentQueue'),
  QueueNameExists: { query: 'QueueAlreadyExists' },
  QueueDeletedRecently: service('QueueDeletedRecently'),
  PurgeQueueInProgress: service('PurgeQueueInProgress', 403),
  MessageNotInflight: service('MessageNotInflight'),
  BatchEntryIdsNotDistinct: service('BatchEntryIdsNotDistinct'),
  BatchRequestTooLong: service('BatchRequestTooLong'),
  EmptyBatchRequest: service('EmptyBatchRequest'),
  InvalidBatchEntryId: service('InvalidBatchEntryId'),
  TooManyEntriesInBatchRequest: service('TooManyEntriesInBatchRequest'),
  UnsupportedOperation: service('UnsupportedOperation'),
  ReceiptHandleIsInvalid: { status: 404 },
  InvalidAttributeName: {},
  InvalidAttributeValue: {},
  InvalidMessageContents: {},
  OverLimit: { status: 403 },
  RequestThrottled: { status: 403 },
  ResourceNotFoundException: { status: 404 },
  InvalidParameterValueException: general('InvalidParameterValue'),
  MissingRequiredParameterException: general('MissingParameter'),
  UnknownOperationException: general('InvalidAction'),
  SerializationException: general('MalformedInput'),
  AccessDeniedException: general('AccessDenied', 403),
  InvalidClientTokenId: general('InvalidClientTokenId', 403),
  SignatureDoesNotMatch: general('SignatureDoesNotMatch', 403),
  MissingAuthenticationTokenException: general('MissingAuthenticationToken', 403),
  RequestEntityTooLargeException: general('RequestEntityTooLarge', 413),
  ServiceUnavailableException: general('ServiceUnavailable', 503),
  InternalFailure: general('InternalFailure', 500),
} as const satisfies { readonly [name: string]: Code }

export type ErrorName = keyof typeof codes

export interface WireError {
  readonly name: ErrorName
  readonly query: string
  readonly type: string
  readonly status: number
  readonly senderFault: boolean
}

export function wireErrorOf(name: ErrorName): WireError {
  const code: Code = codes[name]
  const space = code.general === true ? 'com.amazon.coral.service' : 'com.amazonaws.sqs'
  const status = code.status ?? 400
  const query = code.query ?? name
  return { name, query, type: `${space}#${name}`, status, senderFault: status < 500 }
}

/** Thrown by a handler; the dispatcher, or the batch that the entry belongs to, answers it. */
export class SqsFailure extends Error {
  readonly code: ErrorName
  constructor(code: ErrorName, message: string) {
    super(message)
    this.name = 'SqsFailure'
    this.code = code
  }
}

export function fail(code: ErrorName, message: string): never {
  throw new SqsFailure(code, message)
}

export function invalidValue(parameter: string, value: string | number, reason: string): never {
  fail(
    'InvalidParameterValueException',
    `Value ${value} for parameter ${parameter} is invalid. Reason: ${reason}`,
  )
}

export function missing(parameter: string): never {
  fail('MissingRequiredParameterException', `The request must contain the parameter ${parameter}.`)
}

/** What the engine's refusals mean to a client of SQS. */
export const engineFailures: { readonly [Code in EngineErrorCode]: ErrorName } = {
  'not-found': 'QueueDoesNotExist',
  exists: 'QueueNameExists',
  'wrong-kind': 'UnsupportedOperation',
  'in-use': 'UnsupportedOperation',
  'not-empty': 'UnsupportedOperation',
  exclusive: 'AccessDeniedException',
  full: 'OverLimit',
  'too-large': 'InvalidParameterValueException',
  invalid: 'InvalidParameterValueException',
  'not-leased': 'MessageNotInflight',
  'disk-full': 'ServiceUnavailableException',
  overloaded: 'RequestThrottled',
  limit: 'OverLimit',
}

/** Throws what the engine's refusal means. */
export function refuse(error: EngineErrorCode, detail: string = error): never {
  const sentence = error === 'not-found' ? notFoundText : `The request was refused: ${detail}`
  fail(engineFailures[error], sentence)
}

export const notFoundText = 'The specified queue does not exist.'
