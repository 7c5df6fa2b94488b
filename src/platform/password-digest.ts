/** Digests of salted passwords, in the formats that other brokers' users have. */

import { createHash } from 'node:crypto'

export function passwordDigest(name: 'sha256' | 'sha512' | 'md5', data: Uint8Array): Uint8Array {
  return createHash(name).update(data).digest()
}
