/**
 * The users file: JSON, one entry per user, never a password.
 *
 *     { "users": [ { "name": "alice", "hash": "scrypt:16384:8:1:<salt>:<key>" } ] }
 *
 * A user who shall log in to Kafka with SCRAM has keys for that, too: a scrypt hash cannot be
 * checked so. They are texts: `scram-sha-256:<iterations>:<salt>:<storedKey>:<serverKey>`.
 *
 * Salt and key are base64. What was right or wrong once is remembered by a digest with a secret of
 * this process, so that a client which connects often, or tries the same wrong password for ever,
 * costs the key derivation once.
 */

import { createHmac, randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { usageFailure } from './failure.ts'

export interface Users {
  readonly count: number
  has(name: string): boolean
  /** A first right password, and every new wrong one, takes some 30 ms of the processor. */
  verify(name: string, password: string): boolean
  /** What a login by SCRAM is checked with; undefined: this user has nothing for it. */
  scram(name: string, mechanism: string): ScramKeys | undefined
}

export interface ScramKeys {
  readonly iterations: number
  readonly salt: Uint8Array
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

interface Hash {
  readonly cost: number
  readonly blockSize: number
  readonly parallel: number
  readonly salt: Buffer
  readonly key: Buffer
}

const defaultCost = { cost: 16_384, blockSize: 8, parallel: 1 }
const keyBytes = 32
/** Wrong passwords that are remembered. */
const wrongMax = 10_000

export function readUsersFile(path: string): Users {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    throw usageFailure(`the users file cannot be read: ${(error as Error).message}.`)
  }
  return parseUsers(content, path)
}

/** Throws a usage failure that names the file and the entry. */
export function parseUsers(content: string, path: string): Users {
  let parsed: unknown
  try {
    parsed = JSON.parse(content)
  } catch (error) {
    throw usageFailure(`${path} is not JSON: ${(error as Error).message}.`)
  }
  const entries = (parsed as { users?: unknown } | null)?.users
  if (!Array.isArray(entries)) {
    throw usageFailure(`${path} must be { "users": [{ "name": …, "hash": … }] }.`)
  }
  const hashes = new Map<string, Hash>()
  const scrams = new Map<string, ScramKeys>()
  for (const [index, entry] of entries.entries()) {
    const { name, hash, scram = [] } = (entry ?? {}) as { [field: string]: unknown }
    if (typeof name !== 'string' || name === '') {
      throw usageFailure(`${path}: user ${index + 1} has no name.`)
    }
    const parsedHash = typeof hash === 'string' ? parseHash(hash) : undefined
    if (parsedHash === undefined) {
      throw usageFailure(`${path}: ${name} has no scrypt hash. \`spillway users hash\` makes one.`)
    }
    if (hashes.has(name)) throw usageFailure(`${path}: ${name} is there twice.`)
    hashes.set(name, parsedHash)
    for (const each of [scram].flat()) {
      const keys = typeof each === 'string' ? parseScram(each) : undefined
      if (keys === undefined) {
        throw usageFailure(
          `${path}: ${name} has SCRAM keys that are none. \`spillway users hash\` makes them.`,
        )
      }
      scrams.set(`${name}\0${keys.mechanism}`, keys)
    }
  }
  return verifier(hashes, scrams)
}

function verifier(
  hashes: ReadonlyMap<string, Hash>,
  scrams: ReadonlyMap<string, ScramKeys>,
): Users {
  const secret = randomBytes(32)
  const right = new Map<string, Buffer>()
  const wrong = new Set<string>()
  // An unknown name takes as long as a wrong password.
  const nobody: Hash = { ...defaultCost, salt: randomBytes(16), key: randomBytes(keyBytes) }
  return {
    count: hashes.size,
    has: name => hashes.has(name),
    scram: (name, mechanism) => scrams.get(`${name}\0${mechanism.toLowerCase()}`),
    verify(name, password) {
      const digest = createHmac('sha256', secret).update(`${name}\0${password}`).digest()
      const known = right.get(name)
      if (known !== undefined && timingSafeEqual(known, digest)) return true
      const text = digest.toString('base64')
      if (wrong.has(text)) return false
      const hash = hashes.get(name)
      const key = derive(password, hash ?? nobody)
      if (timingSafeEqual(key, (hash ?? nobody).key) && hash !== undefined) {
        right.set(name, digest)
        return true
      }
      if (wrong.size >= wrongMax) wrong.clear()
      wrong.add(text)
      return false
    },
  }
}

/** `scrypt:N:r:p:salt:key`, with a new salt. */
export function hashPassword(password: string): string {
  const { cost, blockSize, parallel } = defaultCost
  const salt = randomBytes(16)
  const key = derive(password, { ...defaultCost, salt, key: Buffer.alloc(keyBytes) })
  const encoded = `${salt.toString('base64')}:${key.toString('base64')}`
  return `scrypt:${cost}:${blockSize}:${parallel}:${encoded}`
}

function derive(password: string, hash: Hash): Buffer {
  const { cost, blockSize, parallel, salt, key } = hash
  const maxmem = 256 * cost * blockSize
  return scryptSync(password, salt, key.length, { N: cost, r: blockSize, p: parallel, maxmem })
}

function parseHash(text: string): Hash | undefined {
  const [kind, cost, blockSize, parallel, salt, key, rest] = text.split(':')
  if (kind !== 'scrypt' || salt === undefined || key === undefined || rest !== undefined) {
    return undefined
  }
  const hash: Hash = {
    cost: Number(cost),
    blockSize: Number(blockSize),
    parallel: Number(parallel),
    salt: Buffer.from(salt, 'base64'),
    key: Buffer.from(key, 'base64'),
  }
  const costIsPower = Number.isInteger(Math.log2(hash.cost)) && hash.cost > 1
  const sane =
    costIsPower &&
    hash.cost <= 2 ** 20 &&
    [hash.blockSize, hash.parallel].every(
      value => Number.isInteger(value) && value >= 1 && value <= 32,
    )
  return sane && hash.salt.length >= 8 && hash.key.length >= 16 ? hash : undefined
}

const scramPattern = /^(scram-sha-(?:256|512)):(\d{4,5}):([\w+/=]+):([\w+/=]+):([\w+/=]+)$/

function parseScram(text: string): (ScramKeys & { readonly mechanism: string }) | undefined {
  const [, mechanism, iterations, salt, storedKey, serverKey] = scramPattern.exec(text) ?? []
  if (mechanism === undefined) return undefined
  const bytes = (base64: string | undefined) => new Uint8Array(Buffer.from(base64 ?? '', 'base64'))
  const keys = {
    mechanism,
    iterations: Number(iterations),
    salt: bytes(salt),
    storedKey: bytes(storedKey),
    serverKey: bytes(serverKey),
  }
  const length = mechanism === 'scram-sha-256' ? 32 : 64
  const isWhole = [keys.storedKey, keys.serverKey].every(key => key.length === length)
  return isWhole && keys.salt.length >= 8 && keys.iterations >= 4096 ? keys : undefined
}
