/** ACL: users and their rules. Engine: the table `redis-acl`. */

import type { Request } from '../../../wire/resp/request.ts'
import {
  type AclUser,
  applyRule,
  categories,
  categoriesOf,
  copyOf,
  everybody,
  AclUser as User,
} from '../acl.ts'
import { type Command, keysOf, rightArity } from '../command.ts'
import { fail } from '../errors.ts'
import type { Session } from '../session.ts'
import { integer } from './words.ts'

type Table = ReadonlyMap<string, Command>

export function whoAmI(session: Session): void {
  session.reply.bulk(session.user ?? 'default')
}

function known(session: Session, name: string): AclUser | undefined {
  const user = session.broker.acl.users.get(name)
  return user ?? (name === 'default' ? everybody() : undefined)
}

function names(session: Session): string[] {
  return [...new Set([...session.broker.acl.users.keys(), 'default'])].sort()
}

export function users(session: Session): void {
  session.reply.bulks(names(session))
}

export function list(session: Session): void {
  const { minor } = session.broker
  session.reply.bulks(
    names(session).map(name => `user ${name} ${known(session, name)!.describe(minor).join(' ')}`),
  )
}

export function getUser(session: Session, request: Request): void {
  const user = known(session, request.text(2))
  const { reply } = session
  if (user === undefined) return reply.null()
  const flags = [user.isOn ? 'on' : 'off']
  if (user.needsNoPassword) flags.push('nopass')
  if (session.broker.since('7.2')) flags.push('sanitize-payload')
  reply.map(6)
  reply.bulk('flags')
  reply.set(flags.length)
  for (const flag of flags) reply.bulk(flag)
  reply.bulk('passwords')
  reply.bulks([...user.passwords])
  reply.bulk('commands')
  reply.bulk(user.rules.join(' '))
  reply.bulk('keys')
  reply.bulk(user.keyRules().join(' '))
  reply.bulk('channels')
  reply.bulk(user.channels.map(pattern => `&${pattern}`).join(' '))
  reply.bulk('selectors')
  reply.array(0)
}

export function delUser(session: Session, request: Request): void {
  const { acl, members } = session.broker
  let count = 0
  for (let at = 2; at < request.count; at++) {
    const name = request.text(at)
    if (name === 'default') fail("ERR The 'default' user cannot be removed")
    if (!acl.delete(name)) continue
    count++
    for (const member of members.values()) if (member.session.user === name) member.kill()
  }
  session.reply.integer(count)
}

export function genPass(session: Session, request: Request): void {
  const bits = request.count > 2 ? integer(request.text(2)) : 256
  if (bits < 1 || bits > 4096) {
    fail(
      'ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096',
    )
  }
  const { random } = session.broker.options
  let text = ''
  while (text.length * 4 < bits) text += random.uint32().toString(16).padStart(8, '0')
  session.reply.bulk(text.slice(0, Math.ceil(bits / 4)))
}

/** What needs the table of commands, which hands itself in. */
export function aclWith(table: () => Table) {
  const knows = (name: string): boolean => {
    if (name.startsWith('@')) return name === '@all' || categories.includes(name.slice(1))
    const [container = '', subcommand] = name.split('|')
    const command = table().get(container)
    return (
      command !== undefined &&
      (subcommand === undefined ||
        command.subcommands?.has(name.slice(container.length + 1)) === true)
    )
  }
  return {
    setUser(session: Session, request: Request): void {
      const name = request.text(2)
      const user = copyOf(known(session, name) ?? new User(name))
      for (let at = 3; at < request.count; at++) {
        const rule = request.text(at)
        const wrong = applyRule(user, rule, knows)
        if (wrong !== undefined) fail(`ERR Error in ACL SETUSER modifier '${rule}': ${wrong}`)
      }
      session.broker.acl.save(user)
      for (const { session: other } of session.broker.members.values()) {
        if (other.user === name) other.acl = user
      }
      session.reply.ok()
    },
    cat(session: Session, request: Request): void {
      if (request.count === 2) return session.reply.bulks(categories)
      const category = request.text(2).toLowerCase()
      if (!categories.includes(category)) fail(`ERR Unknown category '${request.text(2)}'`)
      const found = [...allOf(table())].filter(command => categoriesOf(command).includes(category))
      session.reply.bulks(found.map(({ name }) => name))
    },
    dryRun(session: Session, request: Request): void {
      const user = known(session, request.text(2))
      if (user === undefined) fail(`ERR User '${request.text(2)}' not found`)
      user.settle(allOf(table()))
      const command = table().get(request.text(3).toLowerCase())
      if (command === undefined) fail(`ERR Command '${request.text(3)}' not found`)
      const rest = request.copy()
      rest.starts.splice(0, 3)
      rest.ends.splice(0, 3)
      rest.count -= 3
      if (!rightArity(command, rest.count)) {
        fail(`ERR wrong number of arguments for '${command.name}' command`)
      }
      const why = refusalOf(user, command, rest)
      if (why === undefined) session.reply.ok()
      else if (why.what === 'command') {
        session.reply.bulk(
          `User ${user.name} has no permissions to run the '${command.name}' command`,
        )
      } else {
        session.reply.bulk(
          `User ${user.name} has no permissions to access the '${why.name}' ${why.what}`,
        )
      }
    },
  }
}

/** All commands, subcommands included. */
export function* allOf(table: Table): Generator<Command> {
  for (const command of table.values()) {
    yield command
    if (command.subcommands !== undefined) yield* command.subcommands.values()
  }
}

export interface Refusal {
  readonly what: 'command' | 'key' | 'channel'
  readonly name: string
}

const always = ['auth', 'hello', 'quit', 'reset']

/** What the user's rules have against the request; undefined: nothing. */
export function refusalOf(user: AclUser, command: Command, request: Request): Refusal | undefined {
  if (always.includes(command.name)) return undefined
  if (!user.mayRun(command)) return { what: 'command', name: command.name }
  if (!user.hasAllKeys) {
    const isWrite = command.flags.includes('write')
    for (const key of keysOf(command, request)) {
      if (!user.mayUse(key, isWrite)) return { what: 'key', name: key }
    }
  }
  if (!command.flags.includes('pubsub') || user.hasAllChannels) return undefined
  const isPattern = command.name === 'psubscribe'
  const isChannel = /^(s?publish|s?subscribe|psubscribe)$/.test(command.name)
  const last = command.name.endsWith('publish') ? 1 : request.count - 1
  for (let at = 1; isChannel && at <= last; at++) {
    if (!user.mayHear(request.text(at), isPattern)) {
      return { what: 'channel', name: request.text(at) }
    }
  }
  return undefined
}

/** The refusal in the words of the imitated version. */
export function refusalText(session: Session, { what, name }: Refusal): string {
  const isNew = session.broker.since('7.2')
  if (what === 'command') {
    return isNew
      ? `NOPERM User ${session.user} has no permissions to run the '${name}' command`
      : `NOPERM this user has no permissions to run the '${name}' command`
  }
  if (isNew) return `NOPERM No permissions to access a ${what}`
  return `NOPERM this user has no permissions to access one of the ${what}s used as arguments`
}
