/**
 * Every option of the command: one table declares its flag, variable, key in the configuration
 * file, default and help, and everything else is derived from it. The key `portOffset` is the flag
 * `--port-offset`, the variable `SPILLWAY_PORT_OFFSET`, and `portOffset` in `spillway.config.json`.
 *
 * Precedence: flag, variable, file, default.
 */

import { parseArgs } from 'node:util'
import { parseDuration } from '../base/duration.ts'
import { parseSize } from '../base/size.ts'
import type { Durability } from '../engine/engine.ts'
import { usageFailure } from './failure.ts'

export const commandNames = [
  'serve',
  'studio',
  'queues',
  'peek',
  'send',
  'consume',
  'tail',
  'redrive',
  'replay',
  'move',
  'export',
  'import',
  'plan',
  'bench',
  'compare',
  'doctor',
  'config',
  'users',
  'completion',
] as const
export type CommandName = (typeof commandNames)[number]

/** A port, or not served at all. */
export type PortSetting = number | 'off'

export interface Option<T> {
  /** `switch` takes no value; `port` may be given without one: then it is the default. */
  readonly kind: 'switch' | 'value' | 'port'
  readonly short?: string
  readonly placeholder?: string
  readonly fallback: T
  /** What a port is that is given without one; default: the fallback. */
  readonly bare?: T
  /** Undefined for a text that means nothing. */
  readonly parse: (text: string) => T | undefined
  /** What a wrong value is answered with: “expects …”. */
  readonly expects: string
  readonly help: string
  readonly commands: readonly CommandName[] | 'all'
  /** Only as a flag: it makes no sense to set it for good. */
  readonly flagOnly?: true
}

const text = { kind: 'value', parse: (value: string) => value, expects: 'a text' } as const
const off = {
  kind: 'switch',
  fallback: false,
  parse: parseSwitch,
  expects: 'true or false',
} as const
/** On a disk that is full to the last byte not even an acknowledgement could be written. */
function parseReserve(text: string): number | undefined {
  const bytes = parseSize(text)
  return bytes === undefined || bytes < 1_000_000 ? undefined : bytes
}

const brokers: readonly CommandName[] = ['serve', 'doctor', 'config']
const clients: readonly CommandName[] = ['queues', 'peek', 'send', 'consume']

export const options = {
  data: {
    ...text,
    placeholder: 'DIR',
    fallback: './spillway-data' as string,
    help: 'folder that holds everything; one broker at a time',
    commands: brokers,
  },
  memory: { ...off, help: 'keep everything in memory only', commands: ['serve', 'config'] },
  durability: {
    kind: 'value',
    placeholder: 'always|interval:MS|os|memory',
    fallback: { kind: 'always' } as Durability,
    parse: parseDurability,
    expects: 'always, interval:MS, os or memory',
    help: 'when a confirm is sent: always = after fsync',
    commands: ['serve', 'config'],
  },
  host: {
    ...text,
    placeholder: 'ADDRESS',
    fallback: '127.0.0.1' as string,
    help: 'address to listen on',
    commands: [...brokers, 'studio'],
  },
  amqp: {
    kind: 'port',
    placeholder: 'PORT|off',
    fallback: 5672 as PortSetting,
    parse: parsePort,
    expects: 'a port (0 = any free one) or off',
    help: 'AMQP 0-9-1',
    commands: brokers,
  },
  kafka: {
    kind: 'port',
    placeholder: 'PORT|off',
    fallback: 9092 as PortSetting,
    parse: parsePort,
    expects: 'a port (0 = any free one) or off',
    help: "Kafka's protocol",
    commands: brokers,
  },
  kafkaAdvertised: {
    ...text,
    placeholder: 'HOST[:PORT]',
    fallback: undefined as string | undefined,
    help: 'what Kafka clients are told to connect to; default: where they came in',
    commands: ['serve', 'config'],
  },
  kafkaPartitions: {
    kind: 'value',
    placeholder: 'N',
    fallback: 1,
    parse: value => parseInteger(value, 1, 10_000),
    expects: 'a whole number from 1 to 10000',
    help: 'partitions of a Kafka topic that names no number',
    commands: ['serve', 'config'],
  },
  kafkaRebalanceDelay: {
    kind: 'value',
    placeholder: 'DURATION',
    fallback: 0,
    parse: parseDuration,
    expects: 'a duration such as 3s, or 0',
    help: "how long a new Kafka group waits for more members; Kafka's own default is 3s",
    commands: ['serve', 'config'],
  },
  kafkaAnyReplication: {
    ...off,
    help: 'a Kafka topic may ask for any number of replicas, and has one',
    commands: ['serve', 'config'],
  },
  kafkaProfile: {
    ...text,
    placeholder: 'VERSION',
    fallback: '4.2' as string,
    help: 'the Kafka whose behaviour clients see: 4.2, 3.9 or 2.4',
    commands: ['serve', 'config'],
  },
  redis: {
    kind: 'port',
    placeholder: 'PORT|off',
    fallback: 6379 as PortSetting,
    parse: parsePort,
    expects: 'a port (0 = any free one) or off',
    help: 'Redis Streams',
    commands: brokers,
  },
  redisProfile: {
    ...text,
    placeholder: 'VERSION',
    fallback: '8.10' as string,
    help: 'the Redis whose behaviour clients see: 7.0, 7.2, 7.4, 8.0 to 8.10',
    commands: ['serve', 'config'],
  },
  management: {
    kind: 'port',
    placeholder: 'PORT|off',
    fallback: 'off' as PortSetting,
    bare: 15_672 as PortSetting,
    parse: parsePort,
    expects: 'a port (0 = any free one) or off',
    help: "RabbitMQ's management API; off unless asked for, then on 15672",
    commands: brokers,
  },
  prometheus: {
    kind: 'port',
    placeholder: 'PORT|off',
    fallback: 'off' as PortSetting,
    bare: 15_692 as PortSetting,
    parse: parsePort,
    expects: 'a port (0 = any free one) or off',
    help: "metrics as RabbitMQ's Prometheus plugin has them; off unless asked for, then on 15692",
    commands: brokers,
  },
  memoryHighWatermark: {
    kind: 'value',
    placeholder: 'SIZE',
    fallback: undefined as number | undefined,
    parse: parseSize,
    expects: 'a size, such as 2GB',
    help: 'resident memory above which AMQP publishers wait; default: 60 % of the machine',
    commands: brokers,
  },
  loadDefinitions: {
    ...text,
    placeholder: 'FILE',
    fallback: undefined as string | undefined,
    help: "RabbitMQ's definitions (JSON), made at the start where they are missing",
    commands: ['serve', 'config'],
  },
  sqs: {
    kind: 'port',
    placeholder: 'PORT|off',
    fallback: 9324 as PortSetting,
    parse: parsePort,
    expects: 'a port (0 = any free one) or off',
    help: "Amazon SQS; 4566 is LocalStack's port",
    commands: brokers,
  },
  sqsKeys: {
    ...text,
    placeholder: 'ID:SECRET,…',
    fallback: undefined as string | undefined,
    help: 'SQS requests must be signed with one of them; default: any are taken',
    commands: ['serve', 'config'],
  },
  sqsCoolDown: {
    kind: 'value',
    placeholder: 'DURATION',
    fallback: 60_000,
    parse: parseDuration,
    expects: 'a duration such as 60s, or 0',
    help: 'an SQS queue cannot be purged or recreated again so soon; 0: at once',
    commands: ['serve', 'config'],
  },
  http: {
    kind: 'port',
    placeholder: 'PORT|off',
    fallback: 7420 as PortSetting,
    parse: parsePort,
    expects: 'a port (0 = any free one) or off',
    help: 'studio, admin API, health and metrics',
    commands: [...brokers, 'studio'],
  },
  readOnlyStudio: {
    ...off,
    help: 'the studio and the admin API change nothing',
    commands: ['serve', 'config', 'studio'],
  },
  portOffset: {
    kind: 'value',
    placeholder: 'N',
    fallback: 0,
    parse: value => parseInteger(value, 0, 65_535),
    expects: 'a whole number',
    help: 'added to every port but 0',
    commands: [...brokers, 'studio'],
  },
  readyFile: {
    ...text,
    placeholder: 'FILE',
    fallback: undefined as string | undefined,
    help: 'written when ready: the bound ports, as JSON',
    commands: ['serve', 'config'],
  },
  maxDisk: {
    kind: 'value',
    placeholder: 'SIZE',
    fallback: undefined as number | undefined,
    parse: parseSize,
    expects: 'a size such as 10GB',
    help: 'publishers are refused beyond this; default: no limit',
    commands: ['serve', 'config'],
  },
  diskFreeMin: {
    kind: 'value',
    placeholder: 'SIZE',
    fallback: 50_000_000,
    parse: parseReserve,
    expects: 'at least 1MB, such as 1GB: it takes some space to record what frees space',
    help: 'publishers are refused when less is free',
    commands: brokers,
  },
  profile: {
    ...text,
    placeholder: 'VERSION',
    fallback: '4.2' as string,
    help: 'the RabbitMQ whose behaviour clients see',
    commands: ['serve', 'config'],
  },
  users: {
    ...text,
    placeholder: 'FILE',
    fallback: undefined as string | undefined,
    help: 'names and password hashes; without it: guest/guest from loopback',
    commands: ['serve', 'config'],
  },
  tlsCert: {
    ...text,
    placeholder: 'FILE',
    fallback: undefined as string | undefined,
    help: 'certificate chain (PEM): every port is encrypted, or those of --tls-only',
    commands: ['serve', 'config'],
  },
  tlsKey: {
    ...text,
    placeholder: 'FILE',
    fallback: undefined as string | undefined,
    help: 'its key (PEM)',
    commands: ['serve', 'config'],
  },
  tlsCa: {
    ...text,
    placeholder: 'FILE',
    fallback: undefined as string | undefined,
    help: 'authorities (PEM) of client certificates: AMQP lets in whom they name (EXTERNAL)',
    commands: ['serve', 'config'],
  },
  tlsOnly: {
    ...text,
    placeholder: 'NAMES',
    fallback: undefined as string | undefined,
    help: 'encrypt these ports only, such as kafka,http; the others stay plain',
    commands: ['serve', 'config'],
  },
  scram: {
    ...off,
    help: 'with keys for logging in to Kafka by SCRAM',
    commands: ['users'],
  },
  insecure: {
    ...off,
    help: 'allow a public address without users: guest/guest from anywhere',
    commands: ['serve', 'config'],
  },
  logLevel: {
    kind: 'value',
    placeholder: 'LEVEL',
    fallback: 'info' as LogLevel,
    parse: value => logLevels.find(level => level === value),
    expects: 'debug, info, warn, error or silent',
    help: 'debug, info, warn, error or silent',
    commands: ['serve', 'config'],
  },
  logFormat: {
    kind: 'value',
    placeholder: 'pretty|json',
    fallback: 'pretty' as 'pretty' | 'json',
    parse: value => (value === 'pretty' || value === 'json' ? value : undefined),
    expects: 'pretty or json',
    help: 'how it logs on stderr',
    commands: ['serve', 'config'],
  },
  seed: {
    kind: 'value',
    placeholder: 'N',
    fallback: undefined as number | undefined,
    parse: value => parseInteger(value, 0, Number.MAX_SAFE_INTEGER),
    expects: 'a whole number',
    help: 'generated names repeat from run to run (for tests)',
    commands: ['serve', 'config'],
  },
  url: {
    ...text,
    placeholder: 'URL',
    fallback: 'http://127.0.0.1:7420' as string,
    help: "the broker's admin API; most commands: or a backend, such as file:./data or redis://…",
    commands: [
      ...clients,
      'tail',
      'redrive',
      'replay',
      'plan',
      'bench',
      'compare',
      'studio',
      'export',
      'import',
    ],
  },
  from: {
    ...text,
    placeholder: 'URL',
    fallback: undefined as string | undefined,
    help: 'the backend that has the queue, such as file:./data',
    commands: ['move'],
    flagOnly: true,
  },
  to: {
    ...text,
    placeholder: 'URL',
    fallback: undefined as string | undefined,
    help: 'the backend that gets it',
    commands: ['move'],
    flagOnly: true,
  },
  keyed: {
    ...off,
    help: 'the queue is in order by key',
    commands: ['send', 'consume', 'redrive', 'move', 'export', 'import'],
    flagOnly: true,
  },
  group: {
    ...text,
    placeholder: 'NAME',
    fallback: undefined as string | undefined,
    help: 'the group of the topic whose handlers see the events again',
    commands: ['replay'],
    flagOnly: true,
  },
  since: {
    kind: 'value',
    placeholder: 'TIME',
    fallback: undefined as number | undefined,
    parse: parseMoment,
    expects: 'a time such as 2026-11-01T08:00Z, or how long ago, such as 2h',
    help: 'begin with what is that young: 2026-11-01T08:00Z, or 2h',
    commands: ['tail', 'replay'],
    flagOnly: true,
  },
  until: {
    kind: 'value',
    placeholder: 'TIME',
    fallback: undefined as number | undefined,
    parse: parseMoment,
    expects: 'a time such as 2026-11-01T08:00Z, or how long ago, such as 2h',
    help: 'end with what is that old',
    commands: ['replay'],
    flagOnly: true,
  },
  position: {
    ...text,
    placeholder: 'POSITION',
    fallback: undefined as string | undefined,
    help: 'begin there, as an earlier replay or tail --json has told',
    commands: ['replay'],
    flagOnly: true,
  },
  newIds: {
    ...off,
    help: 'new ids, so that handlers with an inbox take no event for a duplicate',
    commands: ['replay'],
    flagOnly: true,
  },
  queue: {
    ...off,
    help: 'NAME is a queue of a backend: look at what waits in it',
    commands: ['tail'],
    flagOnly: true,
  },
  size: {
    kind: 'value',
    placeholder: 'BYTES',
    fallback: 1000,
    parse: parseSize,
    expects: 'a size such as 1KB',
    help: 'of the body of each message',
    commands: ['bench', 'compare'],
    flagOnly: true,
  },
  inFlight: {
    kind: 'value',
    placeholder: 'N',
    fallback: 100,
    parse: value => parseInteger(value, 1, 10_000),
    expects: 'a whole number from 1 to 10000',
    help: 'sends that are on their way at a time',
    commands: ['bench', 'compare'],
    flagOnly: true,
  },
  concurrency: {
    kind: 'value',
    placeholder: 'N',
    fallback: 100,
    parse: value => parseInteger(value, 1, 10_000),
    expects: 'a whole number from 1 to 10000',
    help: 'handlers at a time',
    commands: ['bench', 'compare'],
    flagOnly: true,
  },
  planOnly: {
    ...off,
    help: 'measure nothing',
    commands: ['compare'],
    flagOnly: true,
  },
  failOn: {
    ...text,
    placeholder: 'emulated',
    fallback: undefined as string | undefined,
    help: 'exit code 4 for what is emulated, too, not only for what is impossible',
    commands: ['plan'],
    flagOnly: true,
  },
  all: {
    ...off,
    help: 'features that the contracts do not use, or on which both agree, too',
    commands: ['plan', 'compare'],
    flagOnly: true,
  },
  error: {
    ...text,
    placeholder: 'NAME',
    fallback: undefined as string | undefined,
    help: 'only those that died of this error, such as TimeoutError',
    commands: ['redrive'],
    flagOnly: true,
  },
  rate: {
    kind: 'value',
    placeholder: 'N',
    fallback: undefined as number | undefined,
    parse: value => parseInteger(value, 1, 1_000_000),
    expects: 'a whole number from 1',
    help: 'messages a second',
    commands: ['redrive', 'replay'],
    flagOnly: true,
  },
  dryRun: { ...off, help: 'only count', commands: ['redrive', 'replay'], flagOnly: true },
  count: {
    kind: 'value',
    short: 'n',
    placeholder: 'N',
    fallback: undefined as number | undefined,
    parse: value => parseInteger(value, 1, 1_000_000_000),
    expects: 'a whole number from 1',
    help: 'how many messages; peek: 10, send: 1, bench: 10000, others: no limit',
    commands: [
      'peek',
      'send',
      'consume',
      'tail',
      'redrive',
      'replay',
      'move',
      'bench',
      'compare',
      'export',
      'import',
    ],
    flagOnly: true,
  },
  skip: {
    kind: 'value',
    placeholder: 'N',
    fallback: 0,
    parse: value => parseInteger(value, 0, 1_000_000_000),
    expects: 'a whole number',
    help: 'how many messages to pass over first',
    commands: ['peek'],
    flagOnly: true,
  },
  lines: {
    ...off,
    help: 'every line of standard input is a message',
    commands: ['send'],
    flagOnly: true,
  },
  key: {
    ...text,
    placeholder: 'KEY',
    fallback: undefined as string | undefined,
    help: "the message's key; replay: only events with it",
    commands: ['send', 'replay'],
    flagOnly: true,
  },
  ttl: {
    kind: 'value',
    placeholder: 'DURATION',
    fallback: undefined as number | undefined,
    parse: parseDuration,
    expects: 'a duration such as 30s',
    help: 'the message expires after that',
    commands: ['send'],
    flagOnly: true,
  },
  delay: {
    kind: 'value',
    placeholder: 'DURATION',
    fallback: undefined as number | undefined,
    parse: parseDuration,
    expects: 'a duration such as 30s',
    help: 'the message is not handed out before that',
    commands: ['send'],
    flagOnly: true,
  },
  priority: {
    kind: 'value',
    placeholder: 'N',
    fallback: undefined as number | undefined,
    parse: value => parseInteger(value, 0, 255),
    expects: 'a whole number from 0 to 255',
    help: 'higher goes first, on queues with levels',
    commands: ['send'],
    flagOnly: true,
  },
  create: {
    ...off,
    help: 'create the queue (durable) when it is missing',
    commands: ['send', 'import'],
    flagOnly: true,
  },
  timeout: {
    kind: 'value',
    placeholder: 'DURATION',
    fallback: undefined as number | undefined,
    parse: parseDuration,
    expects: 'a duration such as 30s',
    help: 'stop when no message came for so long; exit code 5 if --count was not reached',
    commands: ['consume', 'tail'],
    flagOnly: true,
  },
  open: { ...off, help: 'show it in the browser', commands: ['studio'], flagOnly: true },
  showOrigin: {
    ...off,
    help: 'where each value comes from',
    commands: ['config'],
    flagOnly: true,
  },
  config: {
    ...text,
    placeholder: 'FILE',
    fallback: undefined as string | undefined,
    help: 'default: spillway.config.json or .js in this folder, if there is one',
    commands: 'all',
  },
  json: { ...off, help: 'NDJSON on standard output', commands: 'all' },
  quiet: { ...off, short: 'q', help: 'say nothing but errors', commands: 'all' },
  version: { ...off, short: 'v', help: 'print the version', commands: 'all', flagOnly: true },
  help: { ...off, short: 'h', help: 'print this', commands: 'all', flagOnly: true },
} as const satisfies { readonly [key: string]: Option<unknown> }

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export type OptionKey = keyof typeof options
export const optionKeys = Object.keys(options) as OptionKey[]

export type Settings = {
  readonly [K in OptionKey]: (typeof options)[K] extends { readonly fallback: infer F }
    ? F extends boolean
      ? boolean
      : F extends number
        ? number
        : F
    : never
}

export type Origin =
  | { readonly kind: 'flag' | 'variable' | 'default'; readonly name: string }
  | { readonly kind: 'file'; readonly name: string }

export interface ParsedOptions {
  readonly settings: Settings
  readonly origins: { readonly [K in OptionKey]: Origin }
}

export interface ParsedFlags {
  readonly flags: { readonly [key: string]: string | undefined }
  readonly words: readonly string[]
  /** Every `--url`, in order; the last one is the one in `flags`. */
  readonly urls: readonly string[]
}

export function flagOf(key: string): string {
  return key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}

export function variableOf(key: string): string {
  return `SPILLWAY_${flagOf(key).replaceAll('-', '_').toUpperCase()}`
}

/** Splits the command line; values stay texts. Throws a usage failure. */
export function parseFlags(args: readonly string[]): ParsedFlags {
  const declared: {
    [flag: string]: { type: 'string' | 'boolean'; short?: string; multiple?: true }
  } = {}
  for (const key of optionKeys) {
    const option: Option<unknown> = options[key]
    declared[flagOf(key)] = {
      type: option.kind === 'switch' ? 'boolean' : 'string',
      ...(option.short === undefined ? {} : { short: option.short }),
      ...(key === 'url' ? { multiple: true } : {}),
    }
  }
  const flags: { [key: string]: string } = {}
  try {
    const { values, positionals } = parseArgs({
      args: fillPorts(args),
      options: declared,
      allowPositionals: true,
      strict: true,
    })
    for (const key of optionKeys) {
      const value = values[flagOf(key)]
      if (value !== undefined) flags[key] = String(Array.isArray(value) ? value.at(-1) : value)
    }
    const urls = values['url'] ?? []
    return { flags, words: positionals, urls: Array.isArray(urls) ? urls.map(String) : [] }
  } catch (error) {
    const message = (error as Error).message.split('. To specify')[0]!
    const unknown = /^Unknown option '--?([^']+)'/.exec(message)?.[1]
    if (unknown === undefined) throw usageFailure(`${message}. See --help.`)
    throw usageFailure(
      `there is no --${unknown}.${suggest(unknown, optionKeys.map(flagOf))} See --help.`,
    )
  }
}

/** `--amqp` alone, without a port, is the default port. */
function fillPorts(args: readonly string[]): string[] {
  const filled: string[] = []
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!
    const key = optionKeys.find(key => options[key].kind === 'port' && arg === `--${flagOf(key)}`)
    if (key === undefined) {
      filled.push(arg)
    } else if (parsePort(args[index + 1] ?? '') !== undefined) {
      filled.push(`${arg}=${args[++index]}`)
    } else {
      const option: Option<unknown> = options[key]
      filled.push(`${arg}=${option.bare ?? option.fallback}`)
    }
  }
  return filled
}

export interface OptionSources {
  readonly flags: ParsedFlags['flags']
  readonly environment: { readonly [name: string]: string | undefined }
  readonly file:
    | { readonly name: string; readonly values: { readonly [key: string]: unknown } }
    | undefined
}

/** Puts the sources together by precedence. Throws a usage failure for a value that is wrong. */
export function resolveOptions({ flags, environment, file }: OptionSources): ParsedOptions {
  const settings: { [key: string]: unknown } = {}
  const origins: { [key: string]: Origin } = {}
  if (file !== undefined) checkKeys(file)
  for (const key of optionKeys) {
    const option: Option<unknown> = options[key]
    const flag = flags[key]
    const variable = option.flagOnly ? undefined : environment[variableOf(key)]
    const inFile = option.flagOnly ? undefined : file?.values[key]
    let origin: Origin = { kind: 'default', name: '' }
    let given: string | undefined
    if (flag !== undefined) {
      origin = { kind: 'flag', name: `--${flagOf(key)}` }
      given = flag
    } else if (variable !== undefined && variable !== '') {
      origin = { kind: 'variable', name: variableOf(key) }
      given = variable
    } else if (inFile !== undefined && inFile !== null) {
      origin = { kind: 'file', name: `${file!.name}: ${key}` }
      given = inFile === false && option.kind === 'port' ? 'off' : String(inFile)
    }
    const value = given === undefined ? option.fallback : option.parse(given)
    if (given !== undefined && value === undefined) {
      throw usageFailure(`${origin.name} expects ${option.expects}, not “${given}”.`)
    }
    settings[key] = value
    origins[key] = origin
  }
  return {
    settings: settings as unknown as Settings,
    origins: origins as unknown as ParsedOptions['origins'],
  }
}

function checkKeys(file: NonNullable<OptionSources['file']>): void {
  const known = optionKeys.filter(key => !(options[key] as Option<unknown>).flagOnly)
  for (const key of Object.keys(file.values)) {
    if (!known.includes(key as OptionKey)) {
      throw usageFailure(`${file.name} has the unknown key “${key}”.${suggest(key, known)}`)
    }
  }
}

/** ` Did you mean x?` when something is near enough, with a leading space. */
export function suggest(wrong: string, known: readonly string[]): string {
  let best: string | undefined
  let bestDistance = 3
  for (const name of known) {
    const distance = editDistance(wrong, name)
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best === undefined ? '' : ` Did you mean ${best}?`
}

function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const change = left[row - 1] === right[column - 1] ? 0 : 1
      const [above, beside, across] = [
        previous[column]!,
        current[column - 1]!,
        previous[column - 1]!,
      ]
      current.push(Math.min(above + 1, beside + 1, across + change))
    }
    previous = current
  }
  return previous[right.length]!
}

function parseSwitch(value: string): boolean | undefined {
  if (['true', '1', 'yes', 'on'].includes(value)) return true
  if (['false', '0', 'no', 'off'].includes(value)) return false
  return undefined
}

/** A moment, or how long ago it was, as wall-clock milliseconds. */
function parseMoment(value: string): number | undefined {
  const ago = parseDuration(value)
  if (ago !== undefined) return Date.now() - ago
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : at
}

function parseInteger(value: string, least: number, most: number): number | undefined {
  if (!/^\d+$/.test(value)) return undefined
  const number = Number(value)
  return number >= least && number <= most ? number : undefined
}

function parsePort(value: string): PortSetting | undefined {
  return value === 'off' ? 'off' : parseInteger(value, 0, 65_535)
}

function parseDurability(value: string): Durability | undefined {
  if (value === 'always' || value === 'os' || value === 'memory') return { kind: value }
  const ms = /^interval:(\d+)(?:ms)?$/.exec(value)?.[1]
  return ms === undefined || Number(ms) < 1 ? undefined : { kind: 'interval', ms: Number(ms) }
}

/** The form that `parse` reads, for `config` and for pages. */
export function printValue(value: unknown): string {
  if (value === undefined) return ''
  if (typeof value === 'object' && value !== null && 'kind' in value) {
    const durability = value as Durability
    return durability.kind === 'interval' ? `interval:${durability.ms}` : durability.kind
  }
  return String(value)
}
