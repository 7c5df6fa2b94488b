/** From settings to what `serve` will do: everything that can be refused before anything starts. */

import { readFileSync } from 'node:fs'
import type { Durability } from '../engine/engine.ts'
import { memoryLimitBytes } from '../platform/process.ts'
import { type ProfileName, profiles } from '../servers/amqp/profiles.ts'
import { isProfileName, profileNames } from '../servers/kafka/profiles.ts'
import type { KafkaServerOptions } from '../servers/kafka/server.ts'
import {
  isProfileName as isRedisProfile,
  type ProfileName as RedisProfile,
  profiles as redisProfiles,
} from '../servers/redis/profiles.ts'
import type { SqsKey } from '../servers/sqs/server.ts'
import { CommandFailure, exitCodes, usageFailure } from './failure.ts'
import type { PortSetting } from './option.ts'
import type { Settings } from './options.ts'
import { readUsersFile, type Users } from './users.ts'

export interface Plan {
  /** Undefined: in memory. */
  readonly data: string | undefined
  readonly durability: Durability
  readonly host: string
  readonly amqpPort: number | undefined
  readonly httpPort: number | undefined
  readonly kafkaPort: number | undefined
  readonly kafka: Pick<
    KafkaServerOptions,
    'advertised' | 'partitions' | 'initialRebalanceDelayMs' | 'anyReplication' | 'profile'
  >
  readonly redisPort: number | undefined
  readonly redisProfile: RedisProfile
  readonly sqsPort: number | undefined
  readonly managementPort: number | undefined
  readonly prometheusPort: number | undefined
  /** Resident bytes above which AMQP publishers wait. */
  readonly memoryHighBytes: number
  readonly definitions: string | undefined
  readonly diskFreeMin: number
  readonly sqs: { readonly keys: readonly SqsKey[] | undefined; readonly coolDownMs: number }
  readonly profile: ProfileName
  readonly users: Users | undefined
  readonly insecure: boolean
  readonly readOnlyStudio: boolean
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  /** The ports that are encrypted, by the names of their endpoints. */
  readonly tlsNames: ReadonlySet<PortName>
  /** The ports behind a load balancer that says who the client is. */
  readonly proxiedNames: ReadonlySet<PortName>
  /** Authorities of client certificates, PEM. */
  readonly tlsCa: string | undefined
}

export function makePlan(settings: Settings): Plan {
  const users = settings.users === undefined ? undefined : readUsersFile(settings.users)
  if (!isLoopback(settings.host) && users === undefined && !settings.insecure) {
    throw new CommandFailure(
      'SPILLWAY_E_PUBLIC',
      `${settings.host} can be reached by others. Use --users FILE (\`spillway users hash\` ` +
        'makes its entries), or --insecure to let anybody in.',
      exitCodes.usage,
    )
  }
  if (!Object.hasOwn(profiles, settings.profile)) {
    throw usageFailure(`--profile is one of ${Object.keys(profiles).join(', ')}.`)
  }
  const amqpPort = shiftPort(settings.amqp, settings.portOffset)
  const httpPort = shiftPort(settings.http, settings.portOffset)
  const kafkaPort = shiftPort(settings.kafka, settings.portOffset)
  const redisPort = shiftPort(settings.redis, settings.portOffset)
  const managementPort = shiftPort(settings.management, settings.portOffset)
  const prometheusPort = shiftPort(settings.prometheus, settings.portOffset)
  const needsAmqp =
    managementPort !== undefined ||
    prometheusPort !== undefined ||
    settings.loadDefinitions !== undefined
  if (needsAmqp && amqpPort === undefined) {
    throw usageFailure(
      '--management, --prometheus and --load-definitions are about AMQP, which is off.',
    )
  }
  const keys = parseSqsKeys(settings.sqsKeys)
  // Users have no keys to sign with: on an address that others reach, SQS needs keys of its own.
  const sqsIsSafe = isLoopback(settings.host) || settings.insecure || keys !== undefined
  const sqsPort = sqsIsSafe ? shiftPort(settings.sqs, settings.portOffset) : undefined
  const ports = [amqpPort, kafkaPort, redisPort, sqsPort, httpPort]
  if (ports.every(port => port === undefined)) {
    throw usageFailure('with every protocol and --http off there is nothing to serve.')
  }
  return {
    data: settings.memory ? undefined : settings.data,
    durability: settings.memory ? { kind: 'memory' } : settings.durability,
    host: settings.host,
    amqpPort,
    httpPort,
    kafkaPort,
    kafka: kafkaOptions(settings),
    redisPort,
    redisProfile: redisProfileOf(settings),
    sqsPort,
    managementPort,
    prometheusPort,
    memoryHighBytes: settings.memoryHighWatermark ?? Math.floor(memoryLimitBytes() * memoryShare),
    definitions: settings.loadDefinitions,
    diskFreeMin: settings.diskFreeMin,
    sqs: { keys, coolDownMs: settings.sqsCoolDown },
    profile: settings.profile as ProfileName,
    users,
    insecure: settings.insecure,
    readOnlyStudio: settings.readOnlyStudio,
    tls: readTls(settings),
    tlsNames: readTlsNames(settings),
    proxiedNames: readNames('--proxy-protocol', settings.proxyProtocol, proxiable),
    tlsCa: readTlsCa(settings),
  }
}

/** The part of the machine's memory that RabbitMQ 4 takes for its own. */
const memoryShare = 0.6

const portNames = ['amqp', 'kafka', 'redis', 'sqs', 'http', 'management', 'prometheus'] as const
export type PortName = (typeof portNames)[number]

/** What a port is encrypted with; undefined: it is not. */
export function tlsOf({ tls, tlsNames }: Plan, name: PortName): Plan['tls'] {
  return tlsNames.has(name) ? tls : undefined
}

function readTlsNames({ tlsOnly, tlsCert }: Settings): Plan['tlsNames'] {
  if (tlsOnly === undefined) return new Set(portNames)
  if (tlsCert === undefined) throw usageFailure('--tls-only needs --tls-cert and --tls-key.')
  return readNames('--tls-only', tlsOnly, portNames)
}

/** The protocols' own ports; in front of the others stands a balancer that speaks HTTP. */
const proxiable = ['amqp', 'kafka', 'redis', 'sqs'] as const

function readNames(
  flag: string,
  given: string | undefined,
  known: readonly PortName[],
): ReadonlySet<PortName> {
  if (given === undefined) return new Set()
  const names = given.split(',').map(name => known.find(each => each === name.trim()))
  const found = names.filter(name => name !== undefined)
  if (found.length === names.length) return new Set(found)
  throw usageFailure(`${flag} knows ${known.join(', ')}.`)
}

function redisProfileOf({ redisProfile }: Settings): RedisProfile {
  if (isRedisProfile(redisProfile)) return redisProfile
  throw usageFailure(`--redis-profile is one of ${Object.keys(redisProfiles).join(', ')}.`)
}

function kafkaOptions(settings: Settings): Plan['kafka'] {
  const { kafkaProfile: profile, kafkaAdvertised: advertised } = settings
  if (!isProfileName(profile)) {
    throw usageFailure(`--kafka-profile is one of ${profileNames.join(', ')}.`)
  }
  return {
    profile,
    advertised: advertised === undefined ? undefined : parseAdvertised(advertised),
    partitions: settings.kafkaPartitions,
    initialRebalanceDelayMs: settings.kafkaRebalanceDelay,
    anyReplication: settings.kafkaAnyReplication,
  }
}

/** `host`, `host:port`, and the same with an IPv6 address in brackets. */
function parseAdvertised(text: string): { host: string; port?: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text)
  const port = match?.[3] === undefined ? undefined : Number(match[3])
  if (match === null || (port !== undefined && (port < 1 || port > 65_535))) {
    throw usageFailure('--kafka-advertised expects HOST or HOST:PORT.')
  }
  const host = match[1] ?? match[2]!
  return port === undefined ? { host } : { host, port }
}

function parseSqsKeys(text: string | undefined): readonly SqsKey[] | undefined {
  return text?.split(',').map(pair => {
    const colon = pair.indexOf(':')
    if (colon < 1) throw usageFailure('--sqs-keys expects ID:SECRET, several with commas.')
    return { accessKey: pair.slice(0, colon), secretKey: pair.slice(colon + 1) }
  })
}

export function shiftPort(port: PortSetting, offset: number): number | undefined {
  if (port === 'off') return undefined
  if (port === 0) return 0
  if (port + offset > 65_535) {
    throw usageFailure(`port ${port} with --port-offset ${offset} is above 65535.`)
  }
  return port + offset
}

function readTls({ tlsCert, tlsKey }: Settings): Plan['tls'] {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) {
    throw usageFailure('--tls-cert and --tls-key belong together.')
  }
  return { cert: readPem(tlsCert), key: readPem(tlsKey) }
}

function readTlsCa({ tlsCa, tlsCert }: Settings): string | undefined {
  if (tlsCa === undefined) return undefined
  if (tlsCert === undefined) throw usageFailure('--tls-ca needs --tls-cert and --tls-key.')
  return readPem(tlsCa)
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageFailure(`${file} cannot be read: ${(error as Error).message}.`)
  }
}

/** An address that only this machine can use. */
export function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, '').replace(/^\[(.*)\]$/, '$1')
  return plain === 'localhost' || plain === '::1' || /^127(\.\d{1,3}){3}$/.test(plain)
}
