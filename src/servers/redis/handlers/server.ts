/** INFO, CONFIG, COMMAND, and the questions that monitoring asks. */

import type { Request } from '../../../wire/resp/request.ts'
import { type Command, keysOf } from '../command.ts'
import { fail, texts } from '../errors.ts'
import { matches } from '../glob.ts'
import { memoryBytes } from '../memory.ts'
import type { Session } from '../session.ts'

export function info(session: Session, request: Request): void {
  const wanted = Array.from({ length: request.count - 1 }, (_, at) =>
    request.text(at + 1).toLowerCase(),
  )
  const isAll = wanted.some(word => word === 'all' || word === 'everything')
  const parts: string[] = []
  for (const [name, lines] of Object.entries(sections(session))) {
    const isDefault = name !== 'commandstats'
    const isWanted =
      isAll ||
      wanted.includes(name) ||
      (isDefault && (wanted.length === 0 || wanted.includes('default')))
    if (!isWanted) continue
    const title = name === 'cpu' ? 'CPU' : name[0]!.toUpperCase() + name.slice(1)
    parts.push(`# ${title}\r\n${lines.map(line => `${line}\r\n`).join('')}`)
  }
  session.reply.verbatim(parts.join('\r\n'))
}

function sections(session: Session): { [name: string]: string[] } {
  const { broker } = session
  const uptime = Math.floor((broker.now() - broker.startedAt) / 1000)
  const spaces = broker.keys.databases.flatMap((keys, index) => {
    if (keys.size === 0) return []
    const expires = [...keys.values()].filter(({ expiresAt }) => expiresAt !== undefined).length
    return [`db${index}:keys=${keys.size},expires=${expires},avg_ttl=0`]
  })
  return {
    server: [
      `redis_version:${broker.version}`,
      'redis_mode:standalone',
      'os:Spillway',
      'arch_bits:64',
      'process_id:1',
      `run_id:${broker.runId}`,
      `tcp_port:${broker.options.port ?? 6379}`,
      `uptime_in_seconds:${uptime}`,
      `uptime_in_days:${Math.floor(uptime / 86_400)}`,
    ],
    clients: [
      `connected_clients:${broker.members.size}`,
      'maxclients:10000',
      `blocked_clients:${broker.waiting}`,
      `total_blocking_keys:${broker.waitedKeys.all}`,
      `total_blocking_keys_on_nokey:${broker.waitedKeys.whenGone}`,
      'tracking_clients:0',
    ],
    memory: [
      `used_memory:${broker.memory.usedBytes}`,
      `used_memory_rss:${broker.memory.usedBytes}`,
      `maxmemory:${broker.memory.bytesMax}`,
      'maxmemory_policy:noeviction',
    ],
    persistence: [
      'loading:0',
      'aof_enabled:1',
      'aof_last_write_status:ok',
      'rdb_bgsave_in_progress:0',
    ],
    stats: [
      `total_connections_received:${broker.stats.connections}`,
      `total_commands_processed:${broker.stats.commands}`,
      `total_error_replies:${[...broker.errorCounts.values()].reduce((sum, count) => sum + count, 0)}`,
      `expired_keys:${broker.stats.expired}`,
      `pubsub_channels:${broker.channels.size}`,
      `pubsub_patterns:${broker.patterns.size}`,
    ],
    replication: ['role:master', 'connected_slaves:0', 'master_repl_offset:0'],
    cpu: [],
    commandstats: [...broker.counts].map(
      ([name, { calls, rejected, failed }]) =>
        `cmdstat_${name}:calls=${calls},usec=0,usec_per_call=0.00,rejected_calls=${rejected},failed_calls=${failed}`,
    ),
    errorstats: [...broker.errorCounts].map(([code, count]) => `errorstat_${code}:count=${count}`),
    cluster: ['cluster_enabled:0'],
    keyspace: spaces,
  }
}

export function configGet(session: Session, request: Request): void {
  const patterns = Array.from({ length: request.count - 2 }, (_, at) =>
    request.text(at + 2).toLowerCase(),
  )
  const found = [...session.broker.config].filter(([name]) =>
    patterns.some(pattern => matches(pattern, name)),
  )
  session.reply.map(found.length)
  for (const [name, value] of found) {
    session.reply.bulk(name)
    session.reply.bulk(value)
  }
}

export function configSet(session: Session, request: Request): void {
  if (request.count % 2 !== 0) fail("ERR wrong number of arguments for 'config|set' command")
  for (let at = 2; at < request.count; at += 2) {
    const name = request.text(at).toLowerCase()
    if (name === 'maxmemory' && memoryBytes(request.text(at + 1)) === undefined) {
      const what = "(possibly related to argument 'maxmemory') - argument must be a memory value"
      fail(`ERR CONFIG SET failed ${what}`)
    }
    if (session.broker.config.has(name)) continue
    fail(`ERR Unknown option or number of arguments for CONFIG SET - '${request.text(at)}'`)
  }
  for (let at = 2; at < request.count; at += 2) {
    const name = request.text(at).toLowerCase()
    const text = request.text(at + 1)
    const value = name === 'maxmemory' ? String(memoryBytes(text)) : text
    session.broker.config.set(name, value)
  }
  session.broker.configured()
  session.reply.ok()
}

export function configResetStat(session: Session): void {
  session.broker.resetCounts()
  session.reply.ok()
}

export function time(session: Session): void {
  const { now } = session
  session.reply.bulks([String(Math.floor(now / 1000)), String((now % 1000) * 1000)])
}

export function role(session: Session): void {
  session.reply.array(3)
  session.reply.bulk('master')
  session.reply.integer(0)
  session.reply.array(0)
}

export function zero(session: Session): void {
  session.reply.integer(0)
}

export function waitAof(session: Session): void {
  session.reply.array(2)
  session.reply.integer(1)
  session.reply.integer(0)
}

export function emptyArray(session: Session): void {
  session.reply.array(0)
}

export function clusterDisabled(): void {
  fail('ERR This instance has cluster support disabled')
}

export function noScript(): void {
  fail(texts.noScript)
}

export function memoryUsage(session: Session, request: Request): void {
  if (session.broker.keys.find(session.database, request.text(2)) === undefined) {
    return session.reply.null()
  }
  session.reply.integer(64)
}

export function lastSave(session: Session): void {
  session.reply.integer(Math.floor(session.now / 1000))
}

export function describeCommand({ reply }: Session, command: Command | undefined): void {
  if (command === undefined) return reply.nullArray()
  reply.array(7)
  reply.bulk(command.name)
  reply.integer(command.arity)
  reply.set(command.flags.length)
  for (const flag of command.flags) reply.simple(flag)
  for (const part of command.keys) reply.integer(part)
  reply.set(0)
}

/** COMMAND and its subcommands are about the table, which hands itself in. */
export function commandsWith(table: () => ReadonlyMap<string, Command>) {
  const named = (request: Request, at: number): Command | undefined =>
    table().get(request.text(at).toLowerCase())
  return {
    all(session: Session): void {
      session.reply.array(table().size)
      for (const command of table().values()) describeCommand(session, command)
    },
    count(session: Session): void {
      session.reply.integer(table().size)
    },
    info(session: Session, request: Request): void {
      session.reply.array(request.count - 2)
      for (let at = 2; at < request.count; at++) describeCommand(session, named(request, at))
    },
    list(session: Session): void {
      session.reply.bulks([...table().keys()])
    },
    docs(session: Session, request: Request): void {
      const { reply } = session
      const names = Array.from({ length: request.count - 2 }, (_, at) => named(request, at + 2))
      const chosen = request.count > 2 ? names : [...table().values()]
      const found = chosen.filter(command => command !== undefined)
      reply.map(found.length)
      for (const { name, summary, since, group } of found) {
        reply.bulk(name)
        reply.map(3)
        for (const part of ['summary', summary, 'since', since, 'group', group]) reply.bulk(part)
      }
    },
    getKeys(session: Session, request: Request): void {
      const command = named(request, 2)
      if (command === undefined) fail('ERR Invalid command specified')
      const rest = request.copy()
      rest.starts.splice(0, 2)
      rest.ends.splice(0, 2)
      rest.count -= 2
      const keys = keysOf(command, rest)
      if (keys.length === 0) fail('ERR The command has no key arguments')
      session.reply.bulks(keys)
    },
  }
}
