/**
 * The users file: JSON, one entry per user, never a password.
 *
 *     { "users": [ { "name": "alice", "hash": "scrypt:16384:8:1:<salt>:<key>" } ] }
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
  for (const [index, entry] of entries.entries()) {
    const { name, hash } = (entry ?? {}) as { name?: unknown; hash?: unknown }
    if (typeof name !== 'string' || name === '') {
      throw usageFailure(`${path}: user ${index + 1} has no name.`)
    }
    const parsedHash = typeof hash === 'string' ? parseHash(hash) : undefined
    if (parsedHash === undefined) {
      throw usageFailure(`${path}: ${name} has no scrypt hash. \`spillway users hash\` makes one.`)
    }
    if (hashes.has(name)) throw usageFailure(`${path}: ${name} is there twice.`)
    hashes.set(name, parsedHash)
  }
  return verifier(hashes)
}

function verifier(hashes: ReadonlyMap<string, Hash>): Users {
  const secret = randomBytes(32)
  const right = new Map<string, Buffer>()
  const wrong = new Set<string>()
  // An unknown name takes as long as a wrong password.
  const nobody: Hash = { ...defaultCost, salt: randomBytes(16), key: randomBytes(keyBytes) }
  return {
    count: hashes.size,
    has: name => hashes.has(name),
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
