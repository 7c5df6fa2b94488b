/** What goes wrong between us and the brokers, as the client's errors. */

import { ClientError } from '../../errors.ts'

export const backend = 'kafka'

interface Nested {
  readonly apiId?: unknown
  readonly errors?: readonly unknown[]
  readonly cause?: unknown
}

/** The name of Kafka's error, such as `ILLEGAL_GENERATION`; undefined: the network, or our side. */
export function apiIdOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { apiId, errors = [], cause } = error as Nested
  if (typeof apiId === 'string') return apiId
  for (const inner of errors) {
    const found = apiIdOf(inner)
    if (found !== undefined) return found
  }
  return apiIdOf(cause)
}

/** The answer that an error of the package carries, with its codes by topic and partition. */
export function responseOf<T>(error: unknown): T | undefined {
  return (error as { response?: T } | undefined)?.response
}

/** Those that pass by themselves: a leader moves, a coordinator loads, a transaction ends. */
const passing = new Set([
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'REQUEST_TIMED_OUT',
  'BROKER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'NETWORK_EXCEPTION',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'NOT_CONTROLLER',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'KAFKA_STORAGE_ERROR',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'CONCURRENT_TRANSACTIONS',
  'UNSTABLE_OFFSET_COMMIT',
  'OFFSET_NOT_AVAILABLE',
  'THROTTLING_QUOTA_EXCEEDED',
])

export function isPassing(error: unknown): boolean {
  if (error instanceof ClientError) return error.retryable
  const id = apiIdOf(error)
  return id === undefined ? isNetwork(error) : passing.has(id)
}

/** True for a broken connection, and for an answer that did not come. */
export function isNetwork(error: unknown): boolean {
  const { code, errors = [] } = (error ?? {}) as { code?: unknown; errors?: readonly unknown[] }
  if (code === 'PLT_KFK_NETWORK' || code === 'PLT_KFK_TIMEOUT') return true
  return code === 'PLT_KFK_MULTIPLE' && errors.some(isNetwork)
}

export function failure(cause: unknown, what: string): ClientError {
  if (cause instanceof ClientError) return cause
  const id = apiIdOf(cause)
  const text = cause instanceof Error ? cause.message : String(cause)
  return new ClientError({
    code: codeOf(id),
    backend,
    why: `${what}: ${id ?? text}.`,
    retryable: isPassing(cause),
    cause,
  })
}

/** Wrong credentials, and what they do not allow, have one code on all backends. */
function codeOf(id: string | undefined): string {
  if (id === undefined) return 'SPILLWAY_E_CONNECTION'
  const isAccess = id === 'SASL_AUTHENTICATION_FAILED' || id.endsWith('_AUTHORIZATION_FAILED')
  return isAccess ? 'SPILLWAY_E_ACCESS' : `SPILLWAY_E_${id}`
}

export function lost(what: string): ClientError {
  return new ClientError({
    code: 'SPILLWAY_E_LOST',
    backend,
    why: `${what} is not this consumer's any more: its partition moved. It comes again.`,
    retryable: true,
  })
}

export function closed(): ClientError {
  const why = 'this connection to Kafka is closed.'
  return new ClientError({ code: 'SPILLWAY_E_CLOSED', backend, why })
}

export function missing(topic: string): ClientError {
  const why = `there is no topic ${topic}.`
  return new ClientError({ code: 'SPILLWAY_E_NOT_FOUND', backend, why })
}
