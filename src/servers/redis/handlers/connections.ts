/** AUTH, HELLO, CLIENT and what else is about the connection itself. */

import type { Request } from '../../../wire/resp/request.ts'
import { fail, texts } from '../errors.ts'
import type { Session } from '../session.ts'
import { databaseIn } from './keys.ts'
import { leaveAllChannels } from './pubsub.ts'
import { has, integer } from './words.ts'

const wrongPassword = 'WRONGPASS invalid username-password pair or user is disabled.'

function logIn(session: Session, user: string, password: string): void {
  const { options } = session.broker
  const [address = '', port = '0'] = session.address.split(/:(?=\d+$)/)
  const peer = { address, port: Number(port), tls: false }
  if (options.authenticate === undefined) {
    if (user !== 'default') fail(wrongPassword)
  } else if (!options.authenticate(user, password, peer)) fail(wrongPassword)
  session.user = user
}

export function auth(session: Session, request: Request): void {
  if (request.count > 3) fail(texts.syntax)
  if (request.count === 2 && session.broker.options.authenticate === undefined) {
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
  if (session.broker.options.authenticate !== undefined) session.user = undefined
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
  if (request.is(2, 'LIB-NAME')) session.library = request.text(3)
  else if (request.is(2, 'LIB-VER')) session.libraryVersion = request.text(3)
  else fail(`ERR Unrecognized option '${request.text(2)}'`)
  session.reply.ok()
}

function line(session: Session): string {
  const age = Math.floor((session.now - session.since) / 1000)
  const idle = Math.floor((session.now - session.lastAt) / 1000)
  const flags = session.wait !== undefined ? 'b' : session.queue !== undefined ? 'x' : 'N'
  return `id=${session.id} addr=${session.address} laddr=${session.localAddress} fd=8 name=${session.name} age=${age} idle=${idle} flags=${session.subscriptions > 0 ? 'P' : flags} db=${session.database} sub=${session.channels.size} psub=${session.patterns.size} ssub=${session.shardChannels.size} multi=${session.queue?.length ?? -1} qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=${session.lastCommand} user=${session.user ?? '(superuser)'} redir=-1 resp=${session.reply.protocol}`
}

export function clientInfo(session: Session): void {
  session.reply.verbatim(`${line(session)}\n`)
}

export function clientList(session: Session): void {
  const members = [...session.broker.members.values()]
  session.reply.verbatim(`${members.map(member => line(member.session)).join('\n')}\n`)
}

export function clientKill(session: Session, request: Request): void {
  const { members } = session.broker
  const isOld = request.count === 3
  const found = [...members.values()].filter(({ session: other }) => {
    if (isOld) return other.address === request.text(2)
    for (let at = 2; at + 1 < request.count; at += 2) {
      if (request.is(at, 'ID') && other.id !== integer(request.text(at + 1))) return false
      if (request.is(at, 'ADDR') && other.address !== request.text(at + 1)) return false
      if (request.is(at, 'USER') && other.user !== request.text(at + 1)) return false
      if (request.is(at, 'SKIPME') && request.is(at + 1, 'NO')) continue
    }
    return other !== session || (request.is(2, 'ID') && request.count === 4)
  })
  if (isOld && found.length === 0) fail('ERR No such client')
  if (isOld) session.reply.ok()
  else session.reply.integer(found.length)
  for (const member of found) member.kill()
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
