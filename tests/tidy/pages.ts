/**
 * The pages that are printed from tables in the code. `npm run docs` writes them; a test compares
 * them with what is committed, so that a table and its page change together.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { engineErrors } from '../../src/engine/errors.ts'
import { channelCommands, connectionCommands } from '../../src/servers/amqp/commands.ts'
import { errors, named } from '../../src/servers/amqp/errors.ts'
import { limits } from '../../src/servers/amqp/limits.ts'
import { type Profile, type ProfileName, profiles } from '../../src/servers/amqp/profiles.ts'
import { replyText } from '../../src/wire/amqp/reply-codes.ts'
import { kafkaPage } from '../kafka/page.ts'
import { redisPage } from '../redis/page.ts'
import { sqsPage } from '../sqs/page.ts'

/** Path from the root of the repository → its text. */
export function printedPages(): { readonly [path: string]: string } {
  return {
    'docs/compatibility/amqp.md': amqpPage(),
    'docs/compatibility/kafka.md': kafkaPage(),
    'docs/compatibility/redis.md': redisPage(),
    'docs/compatibility/sqs.md': sqsPage(),
  }
}

/** Writes all of them below `root`; returns their paths. */
export function writePages(root: string): string[] {
  const pages = Object.entries(printedPages())
  for (const [path, text] of pages) writeFileSync(join(root, path), text)
  return pages.map(([path]) => path)
}

function amqpPage(): string {
  return `# AMQP 0-9-1

RabbitMQ's dialect of AMQP 0-9-1, with its extensions: publisher confirms, \`basic.nack\`, bindings from
exchange to exchange, consumer cancel notifications, consumer priorities, \`connection.blocked\`, direct
reply-to. This page is printed from the tables in \`src/servers/amqp\` (\`npm run docs\`): change those.

## Methods that a client may send

Whatever is not in this table is answered as RabbitMQ does: 503 COMMAND_INVALID, 505 UNEXPECTED_FRAME, or 540
NOT_IMPLEMENTED.

${table(['method', 'id', 'note'], methodRows())}

## Versions of RabbitMQ

\`--profile\` chooses the RabbitMQ whose behaviour clients see, where its versions differ.

${table(['', ...Object.keys(profiles)], profileRows())}

## Limits

${table(['limit', 'value'], limitRows())}

## Refusals

What the engine refuses, in AMQP's words: RabbitMQ's, where it has any, since applications match on them.

${table(['the engine says', 'a client hears'], errorRows())}
`
}

function methodRows(): string[][] {
  const commands = [...connectionCommands.values(), ...channelCommands.values()]
  return commands.map(({ message, note }) => [
    `\`${message.name}\``,
    `${message.classId}.${message.methodId}`,
    note,
  ])
}

/** Every difference by the sentence that explains it. */
const profileTexts: { readonly [Key in Exclude<keyof Profile, 'name'>]: string } = {
  anonymous: 'the mechanism ANONYMOUS lets guest in, from where guest may come',
  version: 'version that the server names',
  frameMaxMin: 'smallest `frame_max` accepted, in octets',
  deliveryLimit: '`x-delivery-limit` of a quorum queue that names none',
  messageBytesMax: 'largest message, in octets',
  transientQueues: 'queues that are neither durable nor exclusive',
  globalQos: '`basic.qos` with `global=true`',
  quorumLevels: 'priority levels of a quorum queue',
  quorumTurns:
    'two levels take turns: messages from this priority on are high; so many high ones to one other',
  delayedRetry: 'x-delayed-retry-* of quorum queues',
  queueModes: 'classic queues take `x-queue-mode`, without effect',
  consumerTimeouts:
    'only consumers of quorum queues time out, each by itself (`x-consumer-timeout`), and are cancelled',
  localRandom: 'the exchange type `x-local-random`',
  unknownTypeIsPrecondition: 'an unknown exchange type closes only the channel (406)',
  replyIsRoute: 'a mandatory message to a reply consumer counts as routed',
}

function profileRows(): string[][] {
  const keys = Object.keys(profileTexts) as (keyof typeof profileTexts)[]
  const names = Object.keys(profiles) as ProfileName[]
  return keys.map(key => [
    profileTexts[key],
    ...names.map(name => profileCell(profiles[name][key])),
  ])
}

function profileCell(value: Profile[keyof Profile]): string {
  return typeof value === 'object' ? `${value.priority}, ${value.upper}` : shown(value)
}

function limitRows(): string[][] {
  return [
    ['channels of a connection, proposed', shown(limits.channelMax)],
    ['`frame_max`, proposed, in octets', shown(limits.frameMax)],
    ['heartbeat, proposed, in seconds', shown(limits.heartbeatSeconds)],
    ['from accept to `connection.open`, in ms', shown(limits.handshakeMs)],
    ['a client reads nothing of what it was sent, in ms', shown(limits.sendMs)],
    ['consumers of a channel', shown(limits.consumersMax)],
    ['unacknowledged deliveries of a channel', shown(limits.unackedMax)],
    ['a delivery stays unacknowledged, in ms', shown(limits.acknowledgeMs)],
    ['bytes of an open transaction', shown(limits.transactionBytesMax)],
    ['expiration and time to live, in ms', shown(limits.expiryMs)],
    ['`x-max-priority`', shown(limits.priorityMax)],
  ]
}

function errorRows(): string[][] {
  return Object.entries(errors).map(([code, reply]) => [
    engineErrors[code as keyof typeof engineErrors].sentence,
    `${reply.code} \`${replyText(reply.code, reply.detail(named('queue', 'q', '/'), ''))}\``,
  ])
}

function shown(value: string | number | boolean | undefined): string {
  if (value === undefined) return 'none'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return typeof value === 'number' ? value.toLocaleString('en-US') : value
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |')
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}
