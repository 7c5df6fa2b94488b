/**
 * SASL: the handshake, PLAIN, and SCRAM with what AlterUserScramCredentials has set. Where nobody
 * has to log in, everybody may say with PLAIN that he would. Who is refused is cut off, after he
 * has been told.
 */

import { decodeUtf8, encodeUtf8 } from '../../../base/bytes.ts'
import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseOf } from '../../../wire/kafka/message.ts'
import type * as wire from '../../../wire/kafka/messages/security.ts'
import {
  challenge,
  type FirstMessage,
  isMechanism,
  type Mechanism,
  mechanisms,
  parseFirst,
  verify,
} from '../../../wire/kafka/scram.ts'
import type { Call } from '../call.ts'

const served = ['PLAIN', ...Object.keys(mechanisms)]
const nothing = new Uint8Array(0)

export function handshake(
  { session, version }: Call,
  { mechanism }: RequestOf<typeof wire.SaslHandshake>,
): ResponseOf<typeof wire.SaslHandshake> {
  const isServed = served.includes(mechanism)
  session.mechanism = isServed ? mechanism : undefined
  session.exchange = undefined
  // Before SaslAuthenticate, what follows a handshake had no headers.
  session.isBare = isServed && version === 0
  if (!isServed) session.isRefused = true
  return { errorCode: isServed ? 0 : codes.UNSUPPORTED_SASL_MECHANISM, mechanisms: served }
}

/** What a login by SCRAM must remember between its two steps. */
export interface ScramExchange extends FirstMessage {
  readonly challenge: string
}

export function authenticate(
  call: Call,
  { authBytes }: RequestOf<typeof wire.SaslAuthenticate>,
): ResponseOf<typeof wire.SaslAuthenticate> {
  const { session } = call
  if (session.mechanism === undefined) {
    const errorMessage = 'SaslAuthenticate request received before a handshake.'
    return { errorCode: codes.ILLEGAL_SASL_STATE, errorMessage, authBytes: nothing }
  }
  const answer = step(call, authBytes)
  if (answer !== undefined) return { errorCode: 0, authBytes: answer }
  session.isRefused = true
  const errorMessage =
    session.mechanism === 'PLAIN'
      ? 'Authentication failed: Invalid username or password'
      : `Authentication failed during authentication due to invalid credentials with SASL mechanism ${session.mechanism}`
  return { errorCode: codes.SASL_AUTHENTICATION_FAILED, errorMessage, authBytes: nothing }
}

/** One step of a login; what is answered, or undefined: he is refused. */
export function step(call: Call, given: Uint8Array): Uint8Array | undefined {
  const { session } = call
  const { mechanism = '' } = session
  if (isMechanism(mechanism)) return scram(call, mechanism, decodeUtf8(given))
  const [, user = '', password = ''] = decodeUtf8(given).split('\0')
  const check = session.authenticate
  if (check !== undefined && !check(user, password, session.peer)) return undefined
  session.user = user
  return nothing
}

function scram({ broker, session }: Call, mechanism: Mechanism, text: string) {
  const { exchange } = session
  session.exchange = undefined
  if (exchange === undefined) {
    const first = parseFirst(text)
    const credential = first && broker.credentials.find(first.user, mechanism)
    if (first === undefined || credential === undefined) return undefined
    const nonce = first.nonce + broker.randomText(24)
    const question = challenge(nonce, credential)
    session.exchange = { ...first, nonce, challenge: question }
    return encodeUtf8(question)
  }
  const credential = broker.credentials.find(exchange.user, mechanism)
  const signature = credential && verify(mechanism, credential, exchange, text)
  if (signature === undefined) return undefined
  session.user = exchange.user
  return encodeUtf8(signature)
}
