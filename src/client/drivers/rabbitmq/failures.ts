/** What the library and the broker say, as errors of the client's. */

import { ClientError, PlanError } from '../../errors.ts'

export function noQueue(queue: string): ClientError {
  const why = `there is no queue ${queue}; the message was not stored.`
  return new ClientError({ code: 'SPILLWAY_E_NOT_FOUND', backend: 'rabbitmq', why })
}

/** What the library and the broker say, as an error of the client's. */
export function errorOf(thrown: unknown, what: string): ClientError {
  if (thrown instanceof ClientError) return thrown
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown))
  const { code = '' } = cause as { code?: string }
  const backend = 'rabbitmq'
  // The library names the method that was refused, where there was one.
  const why = `${what}: ${cause.message.replace(/^undefined: /, '')}`
  switch (code) {
    case 'NOT_FOUND':
      return new ClientError({ code: 'SPILLWAY_E_NOT_FOUND', backend, why, cause })
    case 'PRECONDITION_FAILED':
      return new PlanError({
        code: 'SPILLWAY_P_CONFLICT',
        backend,
        why,
        alternatives: ['another name', 'move the messages to a new queue'],
        cause,
      })
    case 'ACCESS_REFUSED':
    case 'NOT_ALLOWED':
      return new ClientError({ code: 'SPILLWAY_E_ACCESS', backend, why, cause })
    case 'RESOURCE_LOCKED':
      return new ClientError({ code: 'SPILLWAY_E_LOCKED', backend, why, retryable: true, cause })
    case 'NACK':
      return new ClientError({
        code: 'SPILLWAY_E_OVERLOADED',
        backend,
        why,
        retryable: true,
        cause,
      })
    default:
      return new ClientError({
        code: 'SPILLWAY_E_CONNECTION',
        backend,
        why,
        retryable: true,
        cause,
      })
  }
}
