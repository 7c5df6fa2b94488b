/**
 * The reply codes of close and return methods (AMQP 0-9-1, 1.2 and the table of constants), with
 * RabbitMQ's spelling. A reply text is `NAME - detail`; applications match on it.
 */

/** Reply code → name. */
export const replyCodes = {
  200: 'SUCCESS',
  311: 'CONTENT_TOO_LARGE',
  312: 'NO_ROUTE',
  313: 'NO_CONSUMERS',
  320: 'CONNECTION_FORCED',
  402: 'INVALID_PATH',
  403: 'ACCESS_REFUSED',
  404: 'NOT_FOUND',
  405: 'RESOURCE_LOCKED',
  406: 'PRECONDITION_FAILED',
  501: 'FRAME_ERROR',
  502: 'SYNTAX_ERROR',
  503: 'COMMAND_INVALID',
  504: 'CHANNEL_ERROR',
  505: 'UNEXPECTED_FRAME',
  506: 'RESOURCE_ERROR',
  530: 'NOT_ALLOWED',
  540: 'NOT_IMPLEMENTED',
  541: 'INTERNAL_ERROR',
} as const

export type ReplyCode = keyof typeof replyCodes

/** True for the codes that close the whole connection; the others close one channel at most. */
export function isConnectionError(code: ReplyCode): boolean {
  return code === 320 || code === 402 || code >= 501
}

/**
 * `NAME - detail`, as RabbitMQ writes it.
 *
 * ```ts
 * replyText(404, "no queue 'q' in vhost '/'")   // "NOT_FOUND - no queue 'q' in vhost '/'"
 * ```
 */
export function replyText(code: ReplyCode, detail: string): string {
  return `${replyCodes[code]} - ${detail}`
}
