/** AUTH, HELLO, CLIENT and what else is about the connection itself. */

import type { Request } from '../../../wire/resp/request.ts'
import { fail, texts } from '../errors.ts'
import type { Session } from '../session.ts'
import { databaseIn } from './keys.ts'
import { leaveAllChannels } from './pubsub.ts'
import { has, integer } from './words.ts'

const wrongPassword = 'WRONGPASS invalid username-password pair or user is disabled.'

/** Before somebody has said who they are: in, when the default user needs no password. */
export function enterAsDefault(session: Session): void {
  const { options, acl } = session.broker
  const rules = acl.users.get('default')
  const isOpen =
    rules === undefined ? options.authenticate === undefined : rules.isOn && rules.needsNoPassword
  session.user = isOpen ? 'default' : undefined
  session.acl = isOpen ? rules : undefined
}

function logIn(session: Session, user: string, password: string): void {
  const { options, acl } = session.broker
  const rules = acl.users.get(user)
  if (rules !== undefined) {
    if (!rules.isOn || !rules.accepts(password)) fail(wrongPassword)
  } else if (options.authenticate === undefined) {
    if (user !== 'default') fail(wrongPassword)
  } else {
    const [address = '', port = '0'] = session.address.split(/:(?=\d+$)/)
    const peer = { address, port: Number(port), tls: false }
    if (!options.authenticate(user, password, peer)) fail(wrongPassword)
  }
  session.user = user
  session.acl = rules
}

export function auth(session: Session, request: Request): void {
  if (request.count > 3) fail(texts.syntax)
  const rules = session.broker.acl.users.get('default')
  const isOpen =
    rules === undefined ? session.broker.options.authenticate === undefined : rules.needsNoPassword
  if (request.count === 2 && isOpen) {
    fail(
      'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    )
  }
  if (request.count === 2) logIn(session, 'default', request.text(1))
  else logIn(session, request.text(1), request.text(2))
  session.reply.ok()
}

export function hello(session: Session, request: Request): void {
  const { reply, broker } = session
  let protocol = reply.protocol
  let name: string | undefined
  if (request.count > 1) {
    const version = integer(
      request.text(1),
      'ERR Protocol version is not an integer or out of range',
    )
    if (version !== 2 && version !== 3) fail('NOPROTO unsupported protocol version')
    protocol = version
  }
  for (let at = 2; at < request.count; at++) {
    if (has(request, at, 'AUTH', 2)) {
      logIn(session, request.text(at + 1), request.text(at + 2))
      at += 2
    } else if (has(request, at, 'SETNAME', 1)) name = checkName(request.text(++at))
    else fail(`ERR Syntax error in HELLO option '${request.text(at)}'`)
  }
  if (session.user === undefined) {
    fail(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
    )
  }
  if (name !== undefined) session.name = name
  reply.protocol = protocol
  reply.map(7)
  for (const [field, value] of [
    ['server', 'redis'],
    ['version', broker.version],
    ['proto', protocol],
    ['id', session.id],
    ['mode', 'standalone'],
    ['role', 'master'],
  ] as const) {
    reply.bulk(field)
    if (typeof value === 'number') reply.integer(value)
    else reply.bulk(value)
  }
  reply.bulk('modules')
  reply.array(0)
}

function checkName(name: string): string {
  if (/[^\x21-\x7e]/.test(name)) {
    fail('ERR Client names cannot contain spaces, newlines or special characters.')
  }
  return name
}

export function ping(session: Session, request: Request): void {
  if (request.count > 2) fail("ERR wrong number of arguments for 'ping' command")
  const { reply } = session
  const text = request.count === 2 ? request.text(1) : undefined
  if (session.subscriptions > 0 && reply.protocol === 2) return reply.bulks(['pong', text ?? ''])
  if (text === undefined) reply.simple('PONG')
  else reply.bulk(text)
}

export function echo(session: Session, request: Request): void {
  session.reply.bulk(request.text(1))
}

export function quit(session: Session): void {
  session.reply.ok()
  session.closing = true
}

export function reset(session: Session): void {
  session.queue = undefined
  session.broker.unwatch(session)
  leaveAllChannels(session)
  session.database = 0
  session.name = ''
  session.replies = 'on'
  session.reply.protocol = 2
  enterAsDefault(session)
  session.reply.simple('RESET')
}

export function select(session: Session, request: Request): void {
  session.database = databaseIn(request.text(1))
  session.reply.ok()
}

export function clientId(session: Session): void {
  session.reply.integer(session.id)
}

export function clientGetName(session: Session): void {
  if (session.name === '') session.reply.null()
  else session.reply.bulk(session.name)
}

export function clientSetName(session: Session, request: Request): void {
  session.name = checkName(request.text(2))
  session.reply.ok()
}

export function clientSetInfo(session: Session, request: Request): void {
  const value = request.text(3)
  if (!request.is(2, 'LIB-NAME') && !request.is(2, 'LIB-VER')) {
    fail(`ERR Unrecognized option '${request.text(2)}'`)
  }
  if (/[^\x21-\x7e]/.test(value)) {
    fail(`ERR ${request.text(2)} cannot contain spaces, newlines or special characters.`)
  }
  if (request.is(2, 'LIB-NAME')) session.library = value
  else session.libraryVersion = value
  session.reply.ok()
}

function line(session: Session): string {
  const { broker } = session
  const age = Math.floor((session.now - session.since) / 1000)
  const idle = Math.floor((session.now - session.lastAt) / 1000)
  const flags = session.wait !== undefined ? 'b' : session.queue !== undefined ? 'x' : 'N'
  const watch = broker.since('7.4') ? ` watch=${session.watched.size}` : ''
  const library = broker.since('7.2')
    ? ` lib-name=${session.library} lib-ver=${session.libraryVersion}`
    : ''
  return `id=${session.id} addr=${session.address} laddr=${session.localAddress} fd=8 name=${session.name} age=${age} idle=${idle} flags=${session.subscriptions > 0 ? 'P' : flags} db=${session.database} sub=${session.channels.size} psub=${session.patterns.size} ssub=${session.shardChannels.size} multi=${session.queue?.length ?? -1}${watch} qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=${session.lastCommand} user=${session.user ?? '(superuser)'} redir=-1 resp=${session.reply.protocol}${library}`
}

export function clientInfo(session: Session): void {
  session.reply.verbatim(`${line(session)}\n`)
}

/** CLIENT LIST [TYPE type] [ID id …]. */
export function clientList(session: Session, request: Request): void {
  let members = [...session.broker.members.values()]
  if (has(request, 2, 'TYPE', 1) && request.count === 4) {
    const fits = killFilter(session, request, 2, request.text(3))
    members = members.filter(member => fits(member.session))
  } else if (has(request, 2, 'ID', 1)) {
    const ids = new Set<number>()
    for (let at = 3; at < request.count; at++)
      ids.add(integer(request.text(at), 'ERR Invalid client ID'))
    members = members.filter(member => ids.has(member.session.id))
  } else if (request.count > 2) fail(texts.syntax)
  session.reply.verbatim(`${members.map(member => line(member.session)).join('\n')}\n`)
}

export function clientKill(session: Session, request: Request): void {
  const { members } = session.broker
  const isOld = request.count === 3
  if (!isOld && request.count % 2 === 1) fail(texts.syntax)
  let skipMe = !isOld
  const filters: ((other: Session) => boolean)[] = []
  for (let at = 2; !isOld && at < request.count; at += 2) {
    const value = request.text(at + 1)
    if (request.is(at, 'SKIPME')) {
      if (!/^(yes|no)$/i.test(value)) fail(texts.syntax)
      skipMe = value.toLowerCase() === 'yes'
    } else filters.push(killFilter(session, request, at, value))
  }
  const found = [...members.values()].filter(({ session: other }) => {
    if (isOld) return other.address === request.text(2)
    return !(skipMe && other === session) && filters.every(fits => fits(other))
  })
  if (isOld && found.length === 0) fail('ERR No such client')
  if (isOld) session.reply.ok()
  else session.reply.integer(found.length)
  for (const member of found) member.kill()
}

function killFilter(
  session: Session,
  request: Request,
  at: number,
  value: string,
): (other: Session) => boolean {
  if (request.is(at, 'ID')) {
    const id = integer(value, 'ERR client-id should be greater than 0')
    if (id < 1) fail('ERR client-id should be greater than 0')
    return other => other.id === id
  }
  if (request.is(at, 'ADDR')) return other => other.address === value
  if (request.is(at, 'LADDR')) return other => other.localAddress === value
  if (request.is(at, 'USER')) {
    const { users } = session.broker.acl
    if (value !== 'default' && !users.has(value) && session.user !== value) {
      fail(`ERR No such user '${value}'`)
    }
    return other => other.user === value
  }
  if (request.is(at, 'TYPE')) {
    const type = value.toLowerCase()
    if (!['normal', 'master', 'replica', 'slave', 'pubsub'].includes(type)) {
      fail(`ERR Unknown client type '${value}'`)
    }
    return other => type === (other.isSubscriber ? 'pubsub' : 'normal')
  }
  if (session.broker.since('7.4') && request.is(at, 'MAXAGE')) {
    const age = integer(value)
    return other => (session.now - other.since) / 1000 >= age
  }
  return fail(texts.syntax)
}

/** CLIENT PAUSE milliseconds [WRITE | ALL]. */
export function clientPause(session: Session, request: Request): void {
  const ms = integer(request.text(2), 'ERR timeout is not an integer or out of range')
  if (ms < 0) fail('ERR timeout is negative')
  const isWrite = request.count > 3 && request.is(3, 'WRITE')
  if (request.count > 4 || (request.count > 3 && !isWrite && !request.is(3, 'ALL'))) {
    fail(texts.syntax)
  }
  session.broker.pause(ms, !isWrite)
  session.reply.ok()
}

export function clientUnpause(session: Session): void {
  session.broker.unpause()
  session.reply.ok()
}

export function clientReply(session: Session, request: Request): void {
  if (request.is(2, 'ON')) {
    session.replies = 'on'
    session.reply.ok()
  } else if (request.is(2, 'OFF')) session.replies = 'off'
  else if (request.is(2, 'SKIP')) session.replies = 'skip-next'
  else fail(texts.syntax)
}

export function clientUnblock(session: Session, request: Request): void {
  const member = session.broker.members.get(integer(request.text(2)))
  const wait = member?.session.wait
  if (wait === undefined) return session.reply.integer(0)
  const isError = request.count > 3 && request.is(3, 'ERROR')
  session.broker.release(wait, reply => {
    if (isError) reply.error('UNBLOCKED client unblocked via CLIENT UNBLOCK')
    else reply.nullArray()
  })
  session.reply.integer(1)
}

export function ok(session: Session): void {
  session.reply.ok()
}

export function clientGetRedir(session: Session): void {
  session.reply.integer(-1)
}

/** CLIENT TRACKING: nobody is told what has changed, so no cache may be built on it. */
export function clientTracking(session: Session, request: Request): void {
  if (request.is(2, 'OFF')) return session.reply.ok()
  if (!request.is(2, 'ON')) fail(texts.syntax)
  fail('ERR Client tracking is not served: keep no cache, or subscribe to keyspace notifications')
}

export function clientCaching(): void {
  fail(
    'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
  )
}

export function clientTrackingInfo({ reply }: Session): void {
  reply.map(3)
  reply.bulk('flags')
  reply.set(1)
  reply.bulk('off')
  reply.bulk('redirect')
  reply.integer(-1)
  reply.bulk('prefixes')
  reply.array(0)
}
