/**
 * Certificates for tests, X.509 v3 with ECDSA P-256 keys: an authority, and whom it vouches for.
 * Only what a TLS handshake on this machine needs.
 */

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

export interface Identity {
  /** PEM. */
  readonly cert: string
  readonly key: string
}

export interface Authority extends Identity {
  /** A certificate for one name, which is also an address that it holds for. */
  issue(name: string): Identity
}

export function makeAuthority(name: string): Authority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = { name, key: own.privateKey }
  const cert = certificate({ subject: name, key: own.publicKey, issuer, isAuthority: true })
  return {
    cert,
    key: pemOf(own.privateKey),
    issue: subject => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const issued = certificate({ subject, key: publicKey, issuer, isAuthority: false })
      return { cert: issued, key: pemOf(privateKey) }
    },
  }
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

interface Request {
  readonly subject: string
  readonly key: KeyObject
  readonly issuer: { readonly name: string; readonly key: KeyObject }
  readonly isAuthority: boolean
}

const oids = {
  commonName: [0x55, 0x04, 0x03],
  basicConstraints: [0x55, 0x1d, 0x13],
  subjectAltName: [0x55, 0x1d, 0x11],
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
}
const algorithm = sequence(der(0x06, Buffer.from(oids.ecdsaWithSha256)))

function certificate({ subject, key, issuer, isAuthority }: Request): string {
  const loopback = der(0x87, Buffer.from([127, 0, 0, 1]))
  const extensions = [
    extension(oids.basicConstraints, sequence(...(isAuthority ? [der(0x01, 0xff)] : []))),
    extension(oids.subjectAltName, sequence(der(0x82, Buffer.from(subject)), loopback)),
  ]
  const signed = sequence(
    der(0xa0, der(0x02, 2)),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    distinguishedName(issuer.name),
    sequence(time('250101000000Z'), time('490101000000Z')),
    distinguishedName(subject),
    key.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  )
  const signature = sign('sha256', signed, issuer.key)
  const whole = sequence(signed, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])))
  const lines = whole
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n')
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
}

function extension(oid: readonly number[], value: Buffer): Buffer {
  return sequence(der(0x06, Buffer.from(oid)), der(0x04, value))
}

function distinguishedName(name: string): Buffer {
  const pair = sequence(der(0x06, Buffer.from(oids.commonName)), der(0x0c, Buffer.from(name)))
  return sequence(der(0x31, pair))
}

function time(text: string): Buffer {
  return der(0x17, Buffer.from(text))
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

/** Tag, length, value. */
function der(tag: number, value: Buffer | number): Buffer {
  const bytes = typeof value === 'number' ? Buffer.from([value]) : value
  const { length } = bytes
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(head), bytes])
}
