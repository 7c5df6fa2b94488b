/** `spillway users hash NAME`: a password on standard input becomes an entry for the users file. */

import { text } from 'node:stream/consumers'
import { usageFailure } from './failure.ts'
import type { Command } from './main.ts'
import { hashPassword } from './users.ts'

export const users: Command = async ({ words, output }) => {
  const [verb, name, rest] = words
  if (verb !== 'hash' || name === undefined || rest !== undefined) {
    throw usageFailure('use `spillway users hash NAME`, with the password on standard input.')
  }
  if (process.stdin.isTTY) output.note('The password, then Ctrl-D (it is shown as you type):')
  const password = (await text(process.stdin)).replace(/\r?\n$/, '')
  if (password === '') throw usageFailure('the password on standard input is empty.')
  output.json({ name, hash: hashPassword(password) })
  return 0
}
