/** SASL: the handshake, and PLAIN. Where nobody has to log in, everybody may say that he would. */

import { decodeUtf8 } from '../../../base/bytes.ts'
import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseOf } from '../../../wire/kafka/message.ts'
import type * as wire from '../../../wire/kafka/messages/security.ts'
import type { Call } from '../call.ts'

const mechanisms = ['PLAIN']
const nothing = new Uint8Array(0)

export function handshake(
  { session }: Call,
  { mechanism }: RequestOf<typeof wire.SaslHandshake>,
): ResponseOf<typeof wire.SaslHandshake> {
  const isServed = mechanisms.includes(mechanism)
  session.mechanism = isServed ? mechanism : undefined
  return { errorCode: isServed ? 0 : codes.UNSUPPORTED_SASL_MECHANISM, mechanisms }
}

export function authenticate(
  { broker, session }: Call,
  { authBytes }: RequestOf<typeof wire.SaslAuthenticate>,
): ResponseOf<typeof wire.SaslAuthenticate> {
  if (session.mechanism === undefined) {
    const errorMessage = 'SaslAuthenticate request received before a handshake.'
    return { errorCode: codes.ILLEGAL_SASL_STATE, errorMessage, authBytes: nothing }
  }
  const [, user = '', password = ''] = decodeUtf8(authBytes).split('\0')
  const check = broker.options.authenticate
  if (check === undefined || check(user, password, session.peer)) {
    session.user = user
    return { errorCode: 0, authBytes: nothing }
  }
  const errorMessage = 'Authentication failed: Invalid username or password'
  return { errorCode: codes.SASL_AUTHENTICATION_FAILED, errorMessage, authBytes: nothing }
}
