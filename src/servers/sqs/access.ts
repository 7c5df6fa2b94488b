/** Who may come in: with keys, only whoever signed with one of them (Signature Version 4). */

import { expectedSignature, signatureOf } from '../../wire/sqs/signature.ts'
import type { SqsBroker } from './broker.ts'
import type { HttpCall } from './connection.ts'
import { fail } from './errors.ts'
import { limits } from './limits.ts'

/** Throws what AWS answers. Without keys everybody is let in. */
export function authorize(broker: SqsBroker, call: HttpCall): void {
  const { keys, hmac, equalSecrets } = broker.options
  if (keys === undefined) return
  const signature = signatureOf(call)
  if (signature === undefined) {
    fail('MissingAuthenticationTokenException', 'Request is missing Authentication Token')
  }
  const key = keys.find(({ accessKey }) => accessKey === signature.accessKey)
  if (key === undefined) {
    fail('InvalidClientTokenId', 'The security token included in the request is invalid.')
  }
  const signedAt = timeOf(signature.time)
  const age = broker.now - signedAt
  const oldest = signature.expires === undefined ? limits.clockSkewMs : signature.expires * 1000
  if (
    !(age <= oldest && age >= -limits.clockSkewMs) ||
    !signature.time.startsWith(signature.date)
  ) {
    fail('SignatureDoesNotMatch', `Signature expired: ${signature.time} is too far from now.`)
  }
  const covered = signature.signedHeaders.includes('host')
  const expected = expectedSignature(call, signature, key.secretKey, hmac)
  if (!covered || !equalSecrets(expected, signature.signature)) {
    fail(
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your ' +
        'AWS Secret Access Key and signing method. Consult the service documentation for details.',
    )
  }
}

/** Milliseconds of `YYYYMMDDTHHMMSSZ`, or NaN. */
function timeOf(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  if (parts === null) return Number.NaN
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number)
  return Date.UTC(year!, month! - 1, day, hour, minute, second)
}
