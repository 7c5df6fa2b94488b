/**
 * Users with rules, as ACL SETUSER makes them: which commands, which keys, which channels. They are
 * remembered in the table `redis-acl`, rule by rule, and passwords as SHA-256 alone.
 *
 * Whoever comes in by the users file has no rules here: everything is allowed.
 */

import { decodeUtf8 } from '../../base/bytes.ts'
import type { EngineDoor } from '../../engine/engine.ts'
import { digestOf, isAmong } from '../../wire/resp/password.ts'
import type { Command } from './command.ts'
import { matches } from './glob.ts'
import { json } from './mapping.ts'

const table = 'redis-acl'

export interface KeyPattern {
  readonly pattern: string
  readonly reads: boolean
  readonly writes: boolean
}

export class AclUser {
  readonly name: string
  isOn = false
  needsNoPassword = false
  /** SHA-256, in hexadecimal digits. */
  readonly passwords = new Set<string>()
  keys: KeyPattern[] = []
  channels: string[] = []
  /** Commands and categories in the order in which they were given: `+get`, `-@all`. */
  rules: string[] = ['-@all']
  /** By the commands' indices; made from the rules. */
  #allowed: boolean[] = []

  constructor(name: string) {
    this.name = name
  }

  get hasAllKeys(): boolean {
    return this.keys.some(({ pattern, reads, writes }) => pattern === '*' && reads && writes)
  }

  get hasAllChannels(): boolean {
    return this.channels.includes('*')
  }

  /** Works out what the rules allow. */
  settle(all: Iterable<Command>): void {
    this.#allowed = []
    for (const command of all) {
      let allowed = false
      for (const rule of this.rules) if (concerns(rule.slice(1), command)) allowed = rule[0] === '+'
      this.#allowed[command.index] = allowed
    }
  }

  mayRun(command: Command): boolean {
    return this.#allowed[command.index] === true
  }

  mayUse(key: string, isWrite: boolean): boolean {
    return this.keys.some(
      ({ pattern, reads, writes }) => (isWrite ? writes : reads) && matches(pattern, key),
    )
  }

  /** `isLiteral`: a pattern to subscribe to must be allowed as it is written. */
  mayHear(channel: string, isLiteral: boolean): boolean {
    return this.channels.some(
      pattern => pattern === '*' || (isLiteral ? pattern === channel : matches(pattern, channel)),
    )
  }

  accepts(password: string): boolean {
    return this.needsNoPassword || isAmong(password, this.passwords)
  }

  /** The rules that make this user, in Redis' order. */
  describe(version: number): string[] {
    const parts = [this.isOn ? 'on' : 'off']
    if (this.needsNoPassword) parts.push('nopass')
    if (version >= 702) parts.push('sanitize-payload')
    for (const password of this.passwords) parts.push(`#${password}`)
    parts.push(...this.keyRules())
    if (!this.hasAllChannels) parts.push('resetchannels')
    parts.push(...this.channels.map(pattern => `&${pattern}`), ...this.rules)
    return parts
  }

  keyRules(): string[] {
    return this.keys.map(({ pattern, reads, writes }) =>
      reads && writes ? `~${pattern}` : `%${reads ? 'R' : ''}${writes ? 'W' : ''}~${pattern}`,
    )
  }
}

/** Whether a rule without its sign is about the command. */
function concerns(rule: string, command: Command): boolean {
  if (!rule.startsWith('@')) {
    return rule === command.name || command.name.startsWith(`${rule}|`)
  }
  return rule === '@all' || categoriesOf(command).includes(rule.slice(1))
}

export const categories = [
  ...['keyspace', 'read', 'write', 'set', 'sortedset', 'list', 'hash', 'string', 'stream'],
  ...['pubsub', 'admin', 'fast', 'slow', 'blocking', 'dangerous', 'connection', 'transaction'],
  'scripting',
]

const groupCategories: { readonly [group: string]: string } = {
  generic: 'keyspace',
  'sorted-set': 'sortedset',
  transactions: 'transaction',
  server: '',
}
const dangerous = ['keys', 'flushall', 'flushdb', 'swapdb', 'info', 'role', 'sort', 'restore']

export function categoriesOf({ name, group, flags }: Command): string[] {
  const found = [groupCategories[group] ?? group]
  if (flags.includes('write')) found.push('write')
  if (flags.includes('readonly')) found.push('read')
  if (flags.includes('pubsub')) found.push('pubsub')
  if (flags.includes('blocking')) found.push('blocking')
  if (flags.includes('admin')) found.push('admin', 'dangerous')
  else if (dangerous.includes(name)) found.push('dangerous')
  if (/^(eval|evalsha|script|function)/.test(name)) found.push('scripting')
  found.push(flags.includes('fast') ? 'fast' : 'slow')
  return found.filter(category => category !== '')
}

const syntaxError = 'Syntax error'
const unknownCommand = 'Unknown command or category name in ACL'

/** Applies one rule of SETUSER; answers what is wrong with it. */
export function applyRule(user: AclUser, rule: string, knows: Knows): string | undefined {
  switch (rule.toLowerCase()) {
    case 'on':
      user.isOn = true
      return undefined
    case 'off':
      user.isOn = false
      return undefined
    case 'nopass':
      user.needsNoPassword = true
      user.passwords.clear()
      return undefined
    case 'resetpass':
      user.needsNoPassword = false
      user.passwords.clear()
      return undefined
    case 'allkeys':
      return addKeys(user, '~*')
    case 'resetkeys':
      user.keys = []
      return undefined
    case 'allchannels':
      user.channels = ['*']
      return undefined
    case 'resetchannels':
      user.channels = []
      return undefined
    case 'allcommands':
    case '+@all':
      user.rules = ['+@all']
      return undefined
    case 'nocommands':
    case '-@all':
      user.rules = ['-@all']
      return undefined
    case 'sanitize-payload':
    case 'skip-sanitize-payload':
      return undefined
    case 'reset':
      Object.assign(user, { isOn: false, needsNoPassword: false, keys: [], channels: [] })
      user.passwords.clear()
      user.rules = ['-@all']
      return undefined
  }
  return applySign(user, rule, knows)
}

/** Whether there is such a command, `name` or `name|subcommand`, or category. */
export type Knows = (name: string) => boolean

function applySign(user: AclUser, rule: string, knows: Knows): string | undefined {
  const rest = rule.slice(1)
  switch (rule[0]) {
    case '>':
    case '#':
      if (rule[0] === '#' && !/^[0-9a-f]{64}$/.test(rest)) {
        return 'The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters'
      }
      user.needsNoPassword = false
      user.passwords.add(rule[0] === '#' ? rest : digestOf(rest))
      return undefined
    case '<':
    case '!':
      return user.passwords.delete(rule[0] === '!' ? rest : digestOf(rest))
        ? undefined
        : 'The password you are trying to remove from the user does not exist'
    case '~':
    case '%':
      return addKeys(user, rule)
    case '&':
      if (user.hasAllChannels) {
        return "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels"
      }
      if (!user.channels.includes(rest)) user.channels.push(rest)
      return undefined
    case '+':
    case '-': {
      const name = rest.toLowerCase()
      if (!knows(name)) return unknownCommand
      user.rules = [...user.rules.filter(other => other.slice(1) !== name), rule[0] + name]
      return undefined
    }
    default:
      return syntaxError
  }
}

function addKeys(user: AclUser, rule: string): string | undefined {
  const match = /^(?:~|%([RW]{1,2})~)(.*)$/is.exec(rule)
  if (match === null) return syntaxError
  const [, letters, pattern = ''] = match
  const reads = letters === undefined || /r/i.test(letters)
  const writes = letters === undefined || /w/i.test(letters)
  if (user.hasAllKeys) {
    if (pattern === '*' && reads && writes) return undefined
    return "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
  }
  if (pattern === '*' && reads && writes) user.keys = []
  user.keys.push({ pattern, reads, writes })
  return undefined
}

/** All users with rules, in memory and on the disk. */
export class Acl {
  readonly #engine: EngineDoor
  readonly #commands: () => Iterable<Command>
  readonly users = new Map<string, AclUser>()

  constructor(engine: EngineDoor, commands: () => Iterable<Command>) {
    this.#engine = engine
    this.#commands = commands
    for (const [name, bytes] of engine.table(table) ?? []) {
      const { rules, ...rest } = JSON.parse(decodeUtf8(bytes))
      const user = new AclUser(name)
      for (const password of rest.passwords) user.passwords.add(password)
      Object.assign(user, {
        ...{ isOn: rest.isOn, needsNoPassword: rest.needsNoPassword },
        ...{ keys: rest.keys, channels: rest.channels, rules },
      })
      user.settle(commands())
      this.users.set(name, user)
    }
  }

  save(user: AclUser): void {
    user.settle(this.#commands())
    this.users.set(user.name, user)
    const { isOn, needsNoPassword, passwords, keys, channels, rules } = user
    const content = { isOn, needsNoPassword, passwords: [...passwords], keys, channels, rules }
    this.#put([[user.name, json(content)]])
  }

  delete(name: string): boolean {
    if (!this.users.delete(name)) return false
    this.#put([[name, undefined]])
    return true
  }

  #put(changes: readonly (readonly [string, Uint8Array | undefined])[]): void {
    if (this.#engine.table(table) === undefined) this.#engine.createTable(table)
    this.#engine.put(table, changes)
  }
}

/** The user that everybody is until somebody says otherwise. */
export function everybody(): AclUser {
  const user = new AclUser('default')
  user.isOn = true
  user.needsNoPassword = true
  user.keys = [{ pattern: '*', reads: true, writes: true }]
  user.channels = ['*']
  user.rules = ['+@all']
  return user
}

/** A copy to try rules on. */
export function copyOf(user: AclUser): AclUser {
  const copy = new AclUser(user.name)
  copy.isOn = user.isOn
  copy.needsNoPassword = user.needsNoPassword
  for (const password of user.passwords) copy.passwords.add(password)
  copy.keys = [...user.keys]
  copy.channels = [...user.channels]
  copy.rules = [...user.rules]
  return copy
}
