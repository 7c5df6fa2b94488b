/** MULTI, EXEC, DISCARD, WATCH, UNWATCH. Engine: one batch, on the disk entirely or not at all. */

import type { Request } from '../../../wire/resp/request.ts'
import { fail, RedisError, texts } from '../errors.ts'
import type { Session } from '../session.ts'

export function multi(session: Session): void {
  if (session.queue !== undefined) fail('ERR MULTI calls can not be nested')
  session.queue = []
  session.queueBroken = false
  session.reply.ok()
}

function leave(session: Session): void {
  session.queue = undefined
  session.queueBroken = false
  session.broker.unwatch(session)
}

export function exec(session: Session): void {
  const { queue, queueBroken, broker, reply } = session
  if (queue === undefined) fail('ERR EXEC without MULTI')
  // A key whose time has come counts as touched.
  for (const at of session.watched) broker.keys.find(at.charCodeAt(0) - 48, at.slice(1))
  const { watchBroken } = session
  leave(session)
  if (queue.some(({ command }) => command.isGrowing) && broker.memory.isReached) {
    fail(`EXECABORT Transaction discarded because of: ${texts.outOfMemory}`)
  }
  if (queueBroken) fail('EXECABORT Transaction discarded because of previous errors.')
  if (watchBroken) return reply.nullArray()
  reply.array(queue.length)
  session.running = true
  try {
    broker.engine.batch(() => {
      for (const { command, request } of queue) {
        const start = reply.out.end
        session.command = command
        broker.countsOf(command).calls++
        try {
          command.handler(session, request)
        } catch (error) {
          if (!(error instanceof RedisError)) throw error
          reply.out.end = start
          broker.countsOf(command).failed++
          reply.error(error.message)
        }
      }
      broker.keys.flush()
    })
  } finally {
    session.running = false
  }
}

export function discard(session: Session): void {
  if (session.queue === undefined) fail('ERR DISCARD without MULTI')
  leave(session)
  session.reply.ok()
}

export function watch(session: Session, request: Request): void {
  if (session.queue !== undefined) fail('ERR WATCH inside MULTI is not allowed')
  for (let at = 1; at < request.count; at++) {
    session.broker.keys.find(session.database, request.text(at))
    session.broker.watch(session, request.text(at))
  }
  session.reply.ok()
}

export function unwatch(session: Session): void {
  session.broker.unwatch(session)
  session.reply.ok()
}
