/**
 * SCRAM (RFC 5802, RFC 7677): the messages of a login, and the sums that both sides make.
 *
 *     client   n,,n=user,r=nonce                    │ n= has “=2C” for a comma, “=3D” for “=”
 *     server   r=nonce+ours,s=salt,i=iterations
 *     client   c=biws,r=nonce+ours,p=proof
 *     server   v=signature
 *
 *     salted    = PBKDF2(password, salt, iterations)
 *     stored    = H(HMAC(salted, 'Client Key'))     what proves a client
 *     server    = HMAC(salted, 'Server Key')        what proves us
 *     proof     = HMAC(salted, 'Client Key') XOR HMAC(stored, everything said)
 *
 * Neither the password nor the salted password is kept: who steals the two keys cannot log in.
 */

import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'

/** Numbers of the protocol, with the names of their digests. */
export const mechanisms = {
  'SCRAM-SHA-256': { number: 1, digest: 'sha256' },
  'SCRAM-SHA-512': { number: 2, digest: 'sha512' },
} as const
export type Mechanism = keyof typeof mechanisms

export function isMechanism(name: string): name is Mechanism {
  return Object.hasOwn(mechanisms, name)
}

export interface Credential {
  readonly salt: Uint8Array
  readonly iterations: number
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

/** What is kept of a salted password. */
export function credentialOf(
  mechanism: Mechanism,
  given: { salt: Uint8Array; iterations: number; saltedPassword: Uint8Array },
): Credential {
  const { digest } = mechanisms[mechanism]
  const { salt, iterations, saltedPassword } = given
  const clientKey = createHmac(digest, saltedPassword).update('Client Key').digest()
  return {
    salt,
    iterations,
    storedKey: createHash(digest).update(clientKey).digest(),
    serverKey: createHmac(digest, saltedPassword).update('Server Key').digest(),
  }
}

/** Takes as long as `iterations` says: for tools and tests, not for a broker's event loop. */
export function saltPassword(
  mechanism: Mechanism,
  password: string,
  { salt, iterations }: { readonly salt: Uint8Array; readonly iterations: number },
): Uint8Array {
  const { digest } = mechanisms[mechanism]
  const length = createHash(digest).digest().length
  return pbkdf2Sync(password.normalize('NFKC'), salt, iterations, length, digest)
}

export interface FirstMessage {
  readonly user: string
  readonly nonce: string
  /** The message without its channel-binding header: a part of what is signed. */
  readonly bare: string
}

/** The client's first message; undefined: it is none, or asks for what we do not have. */
export function parseFirst(text: string): FirstMessage | undefined {
  // A channel binding (“p=…”) is not served; acting for another user (“a=…”) neither.
  const match =
    /^[ny],(?:a=([^,]*))?,((?:m=[^,]*,)?n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/.exec(text)
  if (match === null) return undefined
  const [, acting = '', bare = '', name = '', nonce = ''] = match
  const user = name.replaceAll('=2C', ',').replaceAll('=3D', '=')
  return acting === '' || acting === name ? { user, nonce, bare } : undefined
}

export function challenge(nonce: string, credential: Credential): string {
  return `r=${nonce},s=${toBase64(credential.salt)},i=${credential.iterations}`
}

/**
 * Checks the client's last message. `said` is its first message without the header, and our
 * challenge. Returns our signature; undefined: the proof is wrong.
 */
export function verify(
  mechanism: Mechanism,
  credential: Credential,
  said: { readonly nonce: string; readonly bare: string; readonly challenge: string },
  last: string,
): string | undefined {
  const match = /^(c=([^,]*),r=([^,]*)(?:,.*)?),p=([^,]*)$/.exec(last)
  if (match === null) return undefined
  const [, withoutProof = '', binding = '', nonce = '', proof = ''] = match
  if (nonce !== said.nonce || !bindingPattern.test(binding)) return undefined
  const { digest } = mechanisms[mechanism]
  const everything = `${said.bare},${said.challenge},${withoutProof}`
  const signature = createHmac(digest, credential.storedKey).update(everything).digest()
  const given = fromBase64(proof)
  if (given === undefined || given.length !== signature.length) return undefined
  const clientKey = given.map((octet, index) => octet ^ signature[index]!)
  const stored = createHash(digest).update(clientKey).digest()
  if (!timingSafeEqual(stored, credential.storedKey)) return undefined
  const ours = createHmac(digest, credential.serverKey).update(everything).digest('base64')
  return `v=${ours}`
}

/** “n,”, “y,”, and an “a=…” or nothing, in base64: no channel is bound. */
const bindingPattern = /^(biws|eSws|bixh|eSxh)/

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

function fromBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return undefined
  return Uint8Array.from(atob(text), letter => letter.charCodeAt(0))
}
