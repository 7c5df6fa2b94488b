/** From what SQS and its SDK throw to the client's errors. */

import { ClientError, type ErrorDetails } from '../../errors.ts'

export const backend = 'sqs'

/** What an error of the SDK says of itself; every field may be missing. */
interface SdkError {
  readonly name?: unknown
  readonly message?: unknown
  readonly code?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number | undefined } | undefined
}

type Kind =
  | 'missing'
  | 'lost'
  | 'refused'
  | 'too-large'
  | 'busy'
  | 'throttled'
  | 'access'
  | 'exists'
  | 'connection'
  | 'broken'
  | 'other'

/** By the last part of the code, which the Query protocol writes with a prefix. */
const kinds: { readonly [code: string]: Kind } = {
  QueueDoesNotExist: 'missing',
  NonExistentQueue: 'missing',
  ReceiptHandleIsInvalid: 'lost',
  MessageNotInflight: 'lost',
  InvalidMessageContents: 'refused',
  BatchRequestTooLong: 'too-large',
  PurgeQueueInProgress: 'busy',
  QueueDeletedRecently: 'busy',
  QueueNameExists: 'exists',
  QueueAlreadyExists: 'exists',
  OverLimit: 'throttled',
  RequestThrottled: 'throttled',
  Throttling: 'throttled',
  ThrottlingException: 'throttled',
  KmsThrottled: 'throttled',
  TooManyRequestsException: 'throttled',
  AccessDenied: 'access',
  AccessDeniedException: 'access',
  KmsAccessDenied: 'access',
  CredentialsProviderError: 'access',
  ExpiredToken: 'access',
  ExpiredTokenException: 'access',
  InvalidAccessKeyId: 'access',
  InvalidClientTokenId: 'access',
  InvalidSecurity: 'access',
  MissingAuthenticationToken: 'access',
  OptInRequired: 'access',
  SignatureDoesNotMatch: 'access',
  UnrecognizedClientException: 'access',
  TimeoutError: 'connection',
}

const connectionCodes = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])

/** Before a byte of the request has left: it is safe to ask again whatever it was. */
const neverSentCodes = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
])

function codeOf(error: SdkError): string {
  const name = typeof error.name === 'string' ? error.name : ''
  return name.slice(name.lastIndexOf('.') + 1)
}

export function kindOf(thrown: unknown): Kind {
  const error = thrown as SdkError
  const known = kinds[codeOf(error)]
  if (known !== undefined) return known
  if (typeof error.code === 'string' && connectionCodes.has(error.code)) return 'connection'
  const message = String(error.message)
  // SQS says so as an InvalidParameterValue, and no code of its own.
  if (/receipt ?handle/i.test(message)) return 'lost'
  if (/socket hang up|other side closed/i.test(message)) return 'connection'
  if (/must be shorter than|too long|exceed/i.test(message)) return 'too-large'
  const status = error.$metadata?.httpStatusCode ?? 0
  if (status === 503) return 'throttled'
  if (status >= 500) return 'broken'
  if (status === 403 || status === 401) return 'access'
  return status >= 400 ? 'refused' : 'other'
}

/** True when the request cannot have done anything. */
export function hadNoEffect(thrown: unknown): boolean {
  if (kindOf(thrown) === 'throttled') return true
  const { code } = thrown as SdkError
  return typeof code === 'string' && neverSentCodes.has(code)
}

/** `about` is what was asked, of which queue: `orders: SendMessageBatch`. */
export function errorOf(thrown: unknown, about: string): ClientError {
  if (thrown instanceof ClientError) return thrown
  const error = thrown as SdkError
  const text = String(error.message ?? thrown)
  const code = codeOf(error)
  const said = code === '' || code === 'Error' ? text : `${code}: ${text}`
  const facts = factsOf(kindOf(thrown))
  return new ClientError({ ...facts, backend, why: `${about}: ${said}`, cause: thrown })
}

/** For an entry of a batch that SQS answered with a failure. */
export function entryError(
  entry: { readonly Code?: string | undefined; readonly Message?: string | undefined },
  about: string,
): ClientError {
  return errorOf({ name: entry.Code ?? '', message: entry.Message ?? 'it failed' }, about)
}

function factsOf(kind: Kind): Omit<ErrorDetails, 'why'> {
  switch (kind) {
    case 'missing':
      return { code: 'SPILLWAY_E_NOT_FOUND' }
    case 'lost':
      return { code: 'SPILLWAY_E_LOST', retryable: true }
    case 'refused':
      return { code: 'SPILLWAY_E_REFUSED' }
    case 'too-large':
      return {
        code: 'SPILLWAY_E_TOO_LARGE',
        alternatives: ['keep the body elsewhere (S3), and send where it is'],
      }
    case 'busy':
      return {
        code: 'SPILLWAY_E_BUSY',
        alternatives: ['the same again, 60 seconds later'],
        retryable: true,
      }
    case 'exists':
      return {
        code: 'SPILLWAY_P_CONFLICT',
        alternatives: ['another name', 'the attributes that the queue has'],
      }
    case 'throttled':
      return { code: 'SPILLWAY_E_OVERLOADED', retryable: true }
    case 'access':
      return {
        code: 'SPILLWAY_E_ACCESS',
        alternatives: ['sqs://KEY:SECRET@HOST:PORT', 'AWS_ACCESS_KEY_ID', 'AWS_PROFILE', 'a role'],
      }
    case 'connection':
      return { code: 'SPILLWAY_E_CONNECTION', retryable: true }
    case 'broken':
      return { code: 'SPILLWAY_E_BACKEND', retryable: true }
    case 'other':
      return { code: 'SPILLWAY_E_BACKEND' }
  }
}
