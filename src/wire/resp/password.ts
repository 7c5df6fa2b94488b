/** Passwords as Redis keeps them: their SHA-256, in hexadecimal digits. */

import { createHash, timingSafeEqual } from 'node:crypto'
import { encodeUtf8 } from '../../base/bytes.ts'

/** `password` with one character a byte. */
export function digestOf(password: string): string {
  return createHash('sha256').update(password, 'latin1').digest('hex')
}

/** Takes the same time for every password and all digests. */
export function isAmong(password: string, digests: Iterable<string>): boolean {
  const digest = encodeUtf8(digestOf(password))
  let isRight = false
  for (const known of digests) if (timingSafeEqual(digest, encodeUtf8(known))) isRight = true
  return isRight
}
