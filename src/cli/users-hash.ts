/**
 * `spillway users hash NAME`: a password on standard input becomes an entry for the users file.
 * With `--scram` it has keys for logging in to Kafka by SCRAM, too; only then, for whoever steals
 * the file can try passwords faster with them than with the hash.
 */

import { randomBytes } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { credentialOf, isMechanism, mechanisms, saltPassword } from '../wire/kafka/scram.ts'
import { usageFailure } from './failure.ts'
import type { Command } from './main.ts'
import { hashPassword } from './users.ts'

export const users: Command = async ({ settings, words, output }) => {
  const [verb, name, rest] = words
  if (verb !== 'hash' || name === undefined || rest !== undefined) {
    throw usageFailure('use `spillway users hash NAME`, with the password on standard input.')
  }
  if (process.stdin.isTTY) output.note('The password, then Ctrl-D (it is shown as you type):')
  const password = (await text(process.stdin)).replace(/\r?\n$/, '')
  if (password === '') throw usageFailure('the password on standard input is empty.')
  const scram = settings.scram ? { scram: scramKeysOf(password) } : {}
  output.json({ name, hash: hashPassword(password), ...scram })
  return 0
}

/** As many as Kafka's tools allow: they are the only cost of trying a password. */
const iterations = 16_384

/** One text for each mechanism; users.ts says what is in it. */
export function scramKeysOf(password: string): string[] {
  return Object.keys(mechanisms)
    .filter(isMechanism)
    .map(mechanism => {
      const salt = new Uint8Array(randomBytes(16))
      const saltedPassword = saltPassword(mechanism, password, { salt, iterations })
      const keys = credentialOf(mechanism, { salt, iterations, saltedPassword })
      const parts = [salt, keys.storedKey, keys.serverKey].map(bytes =>
        Buffer.from(bytes).toString('base64'),
      )
      return [mechanism.toLowerCase(), iterations, ...parts].join(':')
    })
}
