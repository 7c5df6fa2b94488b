/** Publish and subscribe. Nothing of it is stored; it knows no engine. */

import type { Request } from '../../../wire/resp/request.ts'
import { matches } from '../glob.ts'
import type { Session } from '../session.ts'

type Kind = 'channels' | 'patterns' | 'shardChannels'

const prefixes = { channels: '', patterns: 'p', shardChannels: 's' } as const
const prefixOf = (kind: Kind, name: string): string =>
  kind === 'shardChannels' ? `\0shard\0${name}` : name

function tell(session: Session, kind: Kind, verb: string, name: string | undefined): void {
  const { reply } = session
  reply.push(3)
  reply.bulk(prefixes[kind] + verb)
  if (name === undefined) reply.null()
  else reply.bulk(name)
  reply.integer(kind === 'shardChannels' ? session.shardChannels.size : session.subscriptions)
}

export function subscribeTo(kind: Kind) {
  return (session: Session, request: Request): void => {
    const all = kind === 'patterns' ? session.broker.patterns : session.broker.channels
    for (let at = 1; at < request.count; at++) {
      const name = prefixOf(kind, request.text(at))
      session[kind].add(name)
      let sessions = all.get(name)
      if (sessions === undefined) {
        sessions = new Set()
        all.set(name, sessions)
      }
      sessions.add(session)
      tell(session, kind, 'subscribe', request.text(at))
    }
  }
}

export function unsubscribeFrom(kind: Kind) {
  return (session: Session, request: Request): void => {
    const given = Array.from({ length: request.count - 1 }, (_, at) => request.text(at + 1))
    leave(session, kind, given)
  }
}

function leave(session: Session, kind: Kind, given: readonly string[]): void {
  const all = kind === 'patterns' ? session.broker.patterns : session.broker.channels
  const prefix = prefixOf(kind, '')
  const names = given.length > 0 ? given : [...session[kind]].map(name => name.slice(prefix.length))
  if (names.length === 0) return tell(session, kind, 'unsubscribe', undefined)
  for (const name of names) {
    const full = prefixOf(kind, name)
    session[kind].delete(full)
    const sessions = all.get(full)
    sessions?.delete(session)
    if (sessions?.size === 0) all.delete(full)
    tell(session, kind, 'unsubscribe', name)
  }
}

/** Without a word about it. */
export function leaveAllChannels(session: Session): void {
  const start = session.reply.out.end
  for (const kind of ['channels', 'patterns', 'shardChannels'] as const) leave(session, kind, [])
  session.reply.out.end = start
}

export function publish(session: Session, request: Request): void {
  session.reply.integer(session.broker.publish(request.text(1), request.text(2)))
}

export function spublish(session: Session, request: Request): void {
  const name = prefixOf('shardChannels', request.text(1))
  let count = 0
  for (const other of session.broker.channels.get(name) ?? []) {
    other.reply.push(3)
    for (const part of ['smessage', request.text(1), request.text(2)]) other.reply.bulk(part)
    session.broker.members.get(other.id)?.wrote()
    count++
  }
  session.reply.integer(count)
}

export function pubsubChannels(session: Session, request: Request): void {
  const pattern = request.count > 2 ? request.text(2) : '*'
  const names = [...session.broker.channels.keys()].filter(name => !name.startsWith('\0shard\0'))
  session.reply.bulks(names.filter(name => matches(pattern, name)))
}

export function pubsubNumsub(session: Session, request: Request): void {
  session.reply.array((request.count - 2) * 2)
  for (let at = 2; at < request.count; at++) {
    session.reply.bulk(request.text(at))
    session.reply.integer(session.broker.channels.get(request.text(at))?.size ?? 0)
  }
}

export function pubsubNumpat(session: Session): void {
  session.reply.integer(session.broker.patterns.size)
}
