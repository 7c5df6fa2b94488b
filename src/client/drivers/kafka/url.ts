/**
 * `kafka://HOST:PORT,HOST:PORT?session=10s`: the brokers to ask first, and how this process behaves
 * in groups. `kafkas://` (or `kafka+ssl://`) is TLS. A user and a password are SASL, PLAIN unless
 * `sasl=scram-sha-256` or `sasl=scram-sha-512` says otherwise.
 */

import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from '@platformatic/kafka'
import { parseDuration } from '../../../base/duration.ts'
import { ClientError } from '../../errors.ts'
import { backend } from './failures.ts'

export interface Target {
  readonly brokers: readonly { readonly host: string; readonly port: number }[]
  readonly connection: ConnectionOptions
  /** How long a group waits for a consumer that gives no sign of life. */
  readonly sessionMs: number
  /** How often a consumer gives one; also how soon it hears of a rebalance. */
  readonly heartbeatMs: number
  /** How long the broker lets a transaction of a process that died block readers. */
  readonly transactionMs: number
  /** Partitions of what is made, unless the contract says otherwise. */
  readonly partitions: number
  /** Copies of what is made; -1: as the broker's default says. */
  readonly replication: number
}

const portDefault = 9092
const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

/** Throws `SPILLWAY_E_URL`. */
export function parseUrl(url: string): Target {
  const match = /^(kafkas?|kafka\+ssl):\/\/(?:([^@/]*)@)?([^/?#]+)\/?(?:\?([^#]*))?$/i.exec(url)
  if (match === null) throw wrong(url, 'it is not kafka://HOST:PORT')
  const [, scheme = '', credentials, hosts = '', query = ''] = match
  const parameters = new URLSearchParams(query)
  const known = ['session', 'heartbeat', 'transaction', 'partitions', 'replication', 'sasl', 'ca']
  for (const name of parameters.keys()) {
    if (!known.includes(name)) throw wrong(url, `there is no parameter ${name}`)
  }
  const duration = (name: string, fallback: number): number => {
    const text = parameters.get(name)
    if (text === null) return fallback
    const ms = parseDuration(text)
    if (ms === undefined || ms <= 0) throw wrong(url, `${name}=${text} is no duration`)
    return ms
  }
  const count = (name: string, fallback: number): number => {
    const text = parameters.get(name)
    if (text === null) return fallback
    if (!/^[1-9]\d{0,4}$/.test(text)) throw wrong(url, `${name}=${text} is no count`)
    return Number(text)
  }
  const sessionMs = duration('session', 10_000)
  const isSecure = scheme.toLowerCase() !== 'kafka'
  const ca = parameters.get('ca')
  return {
    brokers: hosts.split(',').map(host => brokerOf(url, host)),
    connection: {
      // A group is joined when all of its members have heard of it, which may take a session.
      requestTimeout: Math.max(30_000, sessionMs * 3),
      connectTimeout: 5000,
      maxInflights: 100,
      ...(isSecure
        ? { tls: ca === null ? {} : { ca: readFileSync(ca) }, tlsServerName: true }
        : {}),
      ...saslOf(url, credentials, parameters.get('sasl')),
    },
    sessionMs,
    heartbeatMs: duration('heartbeat', Math.min(500, sessionMs / 3)),
    transactionMs: duration('transaction', 10_000),
    partitions: count('partitions', 4),
    replication: count('replication', -1),
  }
}

function brokerOf(url: string, text: string): { host: string; port: number } {
  const match = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(text)
  if (match === null) throw wrong(url, `“${text}” is no host and port`)
  const [, host = '', port = String(portDefault)] = match
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

function saslOf(url: string, credentials: string | undefined, named: string | null): object {
  if (credentials === undefined) return {}
  const mechanism = mechanisms.find(name => name === (named ?? 'PLAIN').toUpperCase())
  if (mechanism === undefined) throw wrong(url, `sasl=${named} is none of ${mechanisms.join(', ')}`)
  const [username = '', password = ''] = credentials.split(':').map(decodeURIComponent)
  return { sasl: { mechanism, username, password } }
}

function wrong(url: string, why: string): ClientError {
  const shown = url.replace(/\/\/[^@/]*@/, '//…@')
  return new ClientError({
    code: 'SPILLWAY_E_URL',
    backend,
    why: `“${shown}”: ${why}.`,
    alternatives: ['kafka://127.0.0.1:9092', 'kafkas://user:password@broker:9093?session=10s'],
  })
}
