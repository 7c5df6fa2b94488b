/** Keyed digests and comparisons that take the same time for every input, for whoever may ask. */

import { createHmac, timingSafeEqual } from 'node:crypto'

export function hmacSha256(key: string | Uint8Array, data: string): Uint8Array {
  return createHmac('sha256', key).update(data).digest()
}

export function equalSecrets(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}
