/**
 * What the arguments of a queue, a consumer and a binding may be, and RabbitMQ's words for what is
 * wrong with them (texts compared with 3.10.8 on the wire and with 4.2). A reason is an Erlang
 * term in print: text in quotes, a tuple in braces.
 */

import type { FieldTable, FieldValue } from '../../wire/amqp/field-table.ts'
import { equalFields, fieldOf, fieldTypeNames } from '../../wire/amqp/field-table.ts'
import { fail, named } from './errors.ts'
import { limits } from './limits.ts'
import type { ExchangeDefinition, QueueDefinition, QueueType } from './mapping.ts'
import { isInteger, queueTypeOf } from './mapping.ts'
import type { Profile } from './profiles.ts'
import { checkAge, checkStreamSizes } from './stream-arguments.ts'

/** The reason why a value is wrong, or undefined. */
type Check = (field: FieldValue, table: FieldTable) => string | undefined

interface Rule {
  readonly name: string
  readonly types: readonly QueueType[]
  readonly check: Check
}

const all: readonly QueueType[] = ['classic', 'quorum', 'stream']
const recordQueues: readonly QueueType[] = ['classic', 'quorum']

/** In the order in which RabbitMQ checks and compares them. */
const rules: readonly Rule[] = [
  { name: 'x-expires', types: recordQueues, check: checkExpires },
  { name: 'x-message-ttl', types: recordQueues, check: checkTtl },
  { name: 'x-dead-letter-exchange', types: recordQueues, check: checkText },
  { name: 'x-dead-letter-routing-key', types: recordQueues, check: checkDeadLetterKey },
  {
    name: 'x-dead-letter-strategy',
    types: ['quorum'],
    check: oneOf(['at-most-once', 'at-least-once'], () => 'invalid_dlx_strategy'),
  },
  { name: 'x-max-length', types: recordQueues, check: checkCount },
  { name: 'x-max-length-bytes', types: all, check: checkCount },
  { name: 'x-max-in-memory-length', types: ['quorum'], check: checkCount },
  { name: 'x-max-in-memory-bytes', types: ['quorum'], check: checkCount },
  { name: 'x-max-priority', types: ['classic'], check: checkPriority },
  {
    name: 'x-overflow',
    types: recordQueues,
    check: oneOf(['drop-head', 'reject-publish', 'reject-publish-dlx'], () => 'invalid_overflow'),
  },
  {
    name: 'x-queue-mode',
    types: ['classic'],
    check: oneOf(['default', 'lazy'], value => `"unsupported queue mode '${value}'"`),
  },
  { name: 'x-queue-version', types: ['classic'], check: checkVersion },
  { name: 'x-single-active-consumer', types: all, check: checkBoolean },
  { name: 'x-queue-type', types: all, check: checkType },
  { name: 'x-quorum-initial-group-size', types: ['quorum'], check: checkSize },
  {
    name: 'x-delayed-retry-type',
    types: ['quorum'],
    check: oneOf(['disabled', 'all', 'failed', 'returned'], () => 'invalid_delayed_retry_type'),
  },
  { name: 'x-delayed-retry-min', types: ['quorum'], check: checkCount },
  { name: 'x-delayed-retry-max', types: ['quorum'], check: checkCount },
  { name: 'x-max-age', types: ['stream'], check: field => checkText(field) ?? checkAge(field) },
  { name: 'x-stream-max-segment-size-bytes', types: ['stream'], check: checkCount },
  { name: 'x-stream-filter-size-bytes', types: ['stream'], check: checkCount },
  { name: 'x-initial-cluster-size', types: ['stream'], check: checkSize },
  {
    name: 'x-queue-leader-locator',
    types: all,
    check: oneOf(['client-local', 'balanced'], () => 'invalid_queue_locator_arg'),
  },
]

/** Known to one type of queue only, and never looked at. */
const quorumOnly = 'x-delivery-limit'

const modules: { readonly [Type in QueueType]: string } = {
  classic: 'rabbit_classic_queue',
  quorum: 'rabbit_quorum_queue',
  stream: 'rabbit_stream_queue',
}

/** Throws RabbitMQ's refusal of a new queue's arguments. */
export function checkQueueArguments(
  queue: string,
  vhost: string,
  table: FieldTable,
  profile: Profile,
): void {
  const what = named('queue', queue, vhost)
  const exchange = fieldOf(table, 'x-dead-letter-exchange')
  if (exchange !== undefined && exchange.type !== 'S') {
    const type = fieldTypeNames[exchange.type]
    fail(406, `invalid type '${type}' for arg 'x-dead-letter-exchange' in ${what}`)
  }
  const typeField = fieldOf(table, 'x-queue-type')
  const wrong = typeField === undefined ? undefined : checkType(typeField)
  if (wrong !== undefined) fail(406, `invalid arg 'x-queue-type' for ${what}: ${wrong}`)
  const type = queueTypeOf(table)
  // The first version of classic queues is gone with RabbitMQ 4.3.
  const refusedNow = (name: string, field: FieldValue): string | undefined => {
    const isGone = name === 'x-queue-version' && Number(field.value) === 1 && !profile.queueModes
    return isGone ? `"unsupported queue version '1'"` : undefined
  }
  for (const { name, types, check } of rules) {
    const field = types.includes(type) ? fieldOf(table, name) : undefined
    const reason =
      field === undefined ? undefined : (check(field, table) ?? refusedNow(name, field))
    if (reason !== undefined) fail(406, `invalid arg '${name}' for ${what}: ${reason}`)
  }
  for (const [name] of table) {
    const known = rules.find(rule => rule.name === name)
    const foreign =
      known === undefined ? name === quorumOnly && type !== 'quorum' : !known.types.includes(type)
    const gone = name === 'x-queue-mode' && !profile.queueModes
    if (foreign || gone)
      fail(406, `invalid arg '${name}' for ${what} of queue type ${modules[type]}`)
  }
  if (type === 'stream') checkStreamSizes(table)
}

/** A quorum queue or a stream is durable and nothing else. */
export function checkQuorumProperties(queue: string, vhost: string, is: QueueDefinition): void {
  const what = named('queue', queue, vhost)
  if (!is.durable) fail(406, `invalid property 'non-durable' for ${what}`)
  if (is.exclusive) fail(406, `invalid property 'exclusive-owner' for ${what}`)
  if (is.autoDelete) fail(406, `invalid property 'auto-delete' for ${what}`)
}

/** The arguments of basic.consume; returns the priority. */
export function checkConsumeArguments(
  queue: string,
  vhost: string,
  type: QueueType,
  table: FieldTable,
): number {
  const what = named('queue', queue, vhost)
  const priority = fieldOf(table, 'x-priority')
  if (priority !== undefined && !isInteger(priority)) {
    fail(406, `invalid arg 'x-priority' for ${what}: ${notInteger(priority)}`)
  }
  if (type === 'stream') return priority === undefined ? 0 : Number(priority.value)
  for (const name of ['x-stream-offset', 'x-stream-filter', 'x-stream-match-unfiltered']) {
    if (fieldOf(table, name) === undefined) continue
    fail(406, `invalid arg '${name}' for ${what} of queue type ${modules[type]}`)
  }
  return priority === undefined ? 0 : Number(priority.value)
}

/** The arguments of a binding to a headers exchange. */
export function checkMatch(table: FieldTable): void {
  const field = fieldOf(table, 'x-match')
  if (field === undefined) return
  if (field.type !== 'S') {
    const value = `(value ${erlang(field)})`
    fail(406, `Invalid x-match field type ${fieldTypeNames[field.type]} ${value}; expected longstr`)
  }
  if (['all', 'any', 'all-with-x', 'any-with-x'].includes(field.value as string)) return
  fail(
    406,
    `Invalid x-match field value ${erlang(field)}; expected all, any, all-with-x, or any-with-x`,
  )
}

// Equivalence

/** Throws when a queue that exists was declared otherwise. */
export function checkQueueEquivalence(
  queue: string,
  vhost: string,
  declared: { readonly received: QueueDefinition; readonly current: QueueDefinition },
  assumeClassic: boolean,
): void {
  const { received, current } = declared
  const what = named('queue', queue, vhost)
  checkFlag('durable', what, received.durable, current.durable || current.exclusive)
  checkFlag('auto_delete', what, received.autoDelete, current.autoDelete)
  const mine = assumeClassic ? withType(current.arguments) : current.arguments
  const theirs = assumeClassic ? withType(received.arguments) : received.arguments
  for (const { name } of rules) checkArgument(name, what, theirs, mine)
}

export function checkExchangeEquivalence(
  exchange: string,
  vhost: string,
  declared: { readonly received: ExchangeDefinition; readonly current: ExchangeDefinition },
): void {
  const { received, current } = declared
  const what = named('exchange', exchange, vhost)
  if (received.type !== current.type) inequivalent('type', what, received.type, current.type)
  checkFlag('durable', what, received.durable, current.durable)
  checkFlag('auto_delete', what, received.autoDelete, current.autoDelete)
  checkFlag('internal', what, received.internal, current.internal)
  checkArgument('alternate-exchange', what, received.arguments, current.arguments)
}

function withType(table: FieldTable): FieldTable {
  if (fieldOf(table, 'x-queue-type') !== undefined) return table
  return [...table, ['x-queue-type', { type: 'S', value: 'classic' }]]
}

function checkFlag(name: string, what: string, received: boolean, current: boolean): void {
  if (received !== current) inequivalent(name, what, String(received), String(current))
}

function inequivalent(name: string, what: string, received: string, current: string): never {
  notEquivalent(name, what, `'${received}'`, `'${current}'`)
}

function notEquivalent(name: string, what: string, received: string, current: string): never {
  fail(
    406,
    `inequivalent arg '${name}' for ${what}: received ${received} but current is ${current}`,
  )
}

function checkArgument(name: string, what: string, theirs: FieldTable, mine: FieldTable): void {
  const received = fieldOf(theirs, name)
  const current = fieldOf(mine, name)
  if (received === undefined && current === undefined) return
  if (received !== undefined && current !== undefined) {
    if (equalFields(received, current) || plain(received) === plain(current)) return
    notEquivalent(name, what, `'${plain(received)}'`, `'${plain(current)}'`)
  }
  const only = (received ?? current)!
  if (name === 'x-queue-type' && only.value === 'classic') return
  notEquivalent(name, what, typed(received), typed(current))
}

function typed(field: FieldValue | undefined): string {
  if (field === undefined) return 'none'
  return `the value '${plain(field)}' of type '${fieldTypeNames[field.type]}'`
}

function plain(field: FieldValue): string {
  return field.type === 'S' && typeof field.value === 'string' ? field.value : erlang(field)
}

/** As Erlang prints the value. */
function erlang(field: FieldValue): string {
  switch (field.type) {
    case 'S':
    case 'x':
      return typeof field.value === 'string'
        ? `<<"${field.value}">>`
        : `<<${Array.from(field.value).join(',')}>>`
    case 'A':
      return `[${field.value.map(erlangTyped).join(',')}]`
    case 'F':
      return `[${field.value.map(erlangEntry).join(',')}]`
    case 'D':
      return `{${field.value.scale},${field.value.digits}}`
    case 'V':
      return 'undefined'
    case 'f':
    case 'd':
      // A float is never printed like an integer, and is not equal to one.
      return Number.isInteger(field.value) ? `${field.value}.0` : String(field.value)
    default:
      return String(field.value)
  }
}

function erlangPair(field: FieldValue): string {
  return `${fieldTypeNames[field.type]},${erlang(field)}`
}

function erlangEntry([name, field]: FieldTable[number]): string {
  return `{<<"${name}">>,${erlangPair(field)}}`
}

function erlangTyped(field: FieldValue): string {
  return `{${erlangPair(field)}}`
}

// Checks of one value

function notInteger(field: FieldValue): string {
  return `"expected integer, got ${fieldTypeNames[field.type]}"`
}

function unacceptable(field: FieldValue): string {
  return `{unacceptable_type,${fieldTypeNames[field.type]}}`
}

function checkCount(field: FieldValue): string | undefined {
  if (!isInteger(field)) return notInteger(field)
  return field.value < 0 ? `{value_negative,${field.value}}` : undefined
}

function checkSize(field: FieldValue): string | undefined {
  return checkCount(field) ?? (Number(field.value) === 0 ? '{value_zero,0}' : undefined)
}

function checkTtl(field: FieldValue): string | undefined {
  const reason = checkCount(field)
  if (reason !== undefined) return reason
  const value = Number(field.value)
  return value > limits.expiryMs ? `{value_too_large,${value}}` : undefined
}

function checkExpires(field: FieldValue): string | undefined {
  if (isInteger(field) && Number(field.value) === 0) return '{value_zero,0}'
  return checkTtl(field)
}

function checkPriority(field: FieldValue): string | undefined {
  const reason = checkCount(field)
  if (reason !== undefined) return reason
  return Number(field.value) > limits.priorityMax
    ? `{max_value_exceeded,${field.value}}`
    : undefined
}

function checkVersion(field: FieldValue): string | undefined {
  const reason = checkCount(field)
  if (reason !== undefined) return reason
  const value = Number(field.value)
  return value === 1 || value === 2 ? undefined : `"unsupported queue version '${value}'"`
}

function checkBoolean(field: FieldValue): string | undefined {
  return field.type === 't' ? undefined : unacceptable(field)
}

function checkText(field: FieldValue): string | undefined {
  return field.type === 'S' ? undefined : unacceptable(field)
}

function checkDeadLetterKey(field: FieldValue, table: FieldTable): string | undefined {
  if (field.type !== 'S') return unacceptable(field)
  return fieldOf(table, 'x-dead-letter-exchange') === undefined
    ? 'routing_key_but_no_dlx_defined'
    : undefined
}

function checkType(field: FieldValue): string | undefined {
  if (field.type !== 'S') return unacceptable(field)
  const known: readonly (string | Uint8Array)[] = all
  return known.includes(field.value) ? undefined : `"unsupported queue type '${field.value}'"`
}

function oneOf(values: readonly string[], reason: (value: string) => string): Check {
  return field => {
    if (field.type !== 'S') return unacceptable(field)
    return typeof field.value === 'string' && values.includes(field.value)
      ? undefined
      : reason(String(field.value))
  }
}

/** What is wrong with an `expiration` property, in RabbitMQ's print; undefined: nothing. */
export function checkExpiration(text: string): string | undefined {
  const digits = /^[+-]?\d+/.exec(text)
  if (digits === null) return 'no_integer'
  const rest = text.slice(digits[0].length)
  if (rest !== '') return `{leftover_string,"${rest}"}`
  const value = Number(digits[0])
  if (value < 0) return `{value_negative,${value}}`
  return value > limits.expiryMs ? `{value_too_large,${value}}` : undefined
}
