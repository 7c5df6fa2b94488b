/** Refusals in Redis' words, on which applications match. Handlers throw, the connection writes. */

import type { EngineErrorCode } from '../../engine/errors.ts'

/** A reply that is an error; `text` with its code. */
export class RedisError extends Error {
  constructor(text: string) {
    super(text)
    this.name = 'RedisError'
  }
}

export function fail(text: string): never {
  throw new RedisError(text)
}

export const texts = {
  syntax: 'ERR syntax error',
  wrongType: 'WRONGTYPE Operation against a key holding the wrong kind of value',
  notInteger: 'ERR value is not an integer or out of range',
  notFloat: 'ERR value is not a valid float',
  noKey: 'ERR no such key',
  outOfRange: 'ERR index out of range',
  badId: 'ERR Invalid stream ID specified as stream command argument',
  outOfMemory: "OOM command not allowed when used memory > 'maxmemory'.",
  noAuth: 'NOAUTH Authentication required.',
  noScript:
    'ERR This server runs no Lua: EVAL, EVALSHA, SCRIPT and FUNCTION are not served. Use MULTI and WATCH; see docs/decisions.',
} as const

export const errors: { readonly [Code in EngineErrorCode]: string } = {
  'not-found': 'ERR no such key',
  exists: 'BUSYKEY Target key name already exists.',
  'wrong-kind': texts.wrongType,
  'in-use': 'ERR the key is in use',
  'not-empty': 'ERR the key is not empty',
  exclusive: 'ERR the key is in exclusive use',
  full: 'OOM command not allowed: the length limit is reached',
  'too-large': 'ERR Elements are too large to be stored',
  invalid: 'ERR invalid argument',
  'not-leased': 'ERR the entry is not pending for this consumer',
  'disk-full': 'OOM command not allowed: the disk is full',
  overloaded: 'OOM command not allowed: too much waits for the disk',
  limit: 'OOM command not allowed: a limit is reached',
}
