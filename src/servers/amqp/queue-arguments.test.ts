import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FieldTable, FieldValue } from '../../wire/amqp/field-table.ts'
import { fromPlain } from '../../wire/amqp/field-table.ts'
import { WireError } from '../../wire/schema/errors.ts'
import { profiles } from './profiles.ts'
import {
  checkConsumeArguments,
  checkExchangeEquivalence,
  checkExpiration,
  checkMatch,
  checkQueueArguments,
  checkQueueEquivalence,
  checkQuorumProperties,
} from './queue-arguments.ts'

const byte = (value: number): FieldValue => ({ type: 'b', value })
const long = (value: number): FieldValue => ({ type: 'l', value: BigInt(value) })

function refusalOf(run: () => void): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof WireError)
    assert.equal(error.code, 406)
    return error.message
  }
  return 'ok'
}

function check(table: FieldTable, profile = profiles['4.2']): string {
  return refusalOf(() => checkQueueArguments('q', '/', table, profile))
}

/** As RabbitMQ 3.10.8 answered them on the wire. */
const answers: readonly (readonly [FieldTable, string])[] = [
  [
    [['x-message-ttl', byte(-1)]],
    "invalid arg 'x-message-ttl' for queue 'q' in vhost '/': {value_negative,-1}",
  ],
  [
    [['x-message-ttl', fromPlain('abc')]],
    `invalid arg 'x-message-ttl' for queue 'q' in vhost '/': "expected integer, got longstr"`,
  ],
  [
    [['x-message-ttl', fromPlain(1.5)]],
    `invalid arg 'x-message-ttl' for queue 'q' in vhost '/': "expected integer, got double"`,
  ],
  [
    [['x-message-ttl', fromPlain(true)]],
    `invalid arg 'x-message-ttl' for queue 'q' in vhost '/': "expected integer, got bool"`,
  ],
  [
    [['x-message-ttl', long(315_360_000_001)]],
    "invalid arg 'x-message-ttl' for queue 'q' in vhost '/': {value_too_large,315360000001}",
  ],
  [[['x-message-ttl', byte(0)]], 'ok'],
  [[['x-expires', byte(0)]], "invalid arg 'x-expires' for queue 'q' in vhost '/': {value_zero,0}"],
  [
    [['x-expires', byte(-5)]],
    "invalid arg 'x-expires' for queue 'q' in vhost '/': {value_negative,-5}",
  ],
  [
    [['x-max-length', byte(-1)]],
    "invalid arg 'x-max-length' for queue 'q' in vhost '/': {value_negative,-1}",
  ],
  [
    [['x-max-length-bytes', byte(-1)]],
    "invalid arg 'x-max-length-bytes' for queue 'q' in vhost '/': {value_negative,-1}",
  ],
  [
    [['x-max-priority', fromPlain(256)]],
    "invalid arg 'x-max-priority' for queue 'q' in vhost '/': {max_value_exceeded,256}",
  ],
  [
    [['x-max-priority', byte(-1)]],
    "invalid arg 'x-max-priority' for queue 'q' in vhost '/': {value_negative,-1}",
  ],
  [[['x-max-priority', byte(0)]], 'ok'],
  [
    [['x-overflow', fromPlain('nope')]],
    "invalid arg 'x-overflow' for queue 'q' in vhost '/': invalid_overflow",
  ],
  [
    [['x-overflow', byte(5)]],
    "invalid arg 'x-overflow' for queue 'q' in vhost '/': {unacceptable_type,byte}",
  ],
  [
    [['x-dead-letter-exchange', byte(5)]],
    "invalid type 'byte' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'",
  ],
  [
    [['x-dead-letter-routing-key', fromPlain('a')]],
    "invalid arg 'x-dead-letter-routing-key' for queue 'q' in vhost '/': routing_key_but_no_dlx_defined",
  ],
  [
    [
      ['x-dead-letter-exchange', fromPlain('e')],
      ['x-dead-letter-routing-key', byte(4)],
    ],
    "invalid arg 'x-dead-letter-routing-key' for queue 'q' in vhost '/': {unacceptable_type,byte}",
  ],
  [
    [['x-single-active-consumer', fromPlain('yes')]],
    "invalid arg 'x-single-active-consumer' for queue 'q' in vhost '/': {unacceptable_type,longstr}",
  ],
  [
    [['x-queue-type', fromPlain('nope')]],
    `invalid arg 'x-queue-type' for queue 'q' in vhost '/': "unsupported queue type 'nope'"`,
  ],
  [
    [['x-queue-type', byte(3)]],
    "invalid arg 'x-queue-type' for queue 'q' in vhost '/': {unacceptable_type,byte}",
  ],
  [
    [['x-queue-mode', fromPlain('nope')]],
    `invalid arg 'x-queue-mode' for queue 'q' in vhost '/': "unsupported queue mode 'nope'"`,
  ],
  [
    [['x-queue-version', byte(3)]],
    `invalid arg 'x-queue-version' for queue 'q' in vhost '/': "unsupported queue version '3'"`,
  ],
  [
    [['x-delivery-limit', byte(3)]],
    "invalid arg 'x-delivery-limit' for queue 'q' in vhost '/' of queue type rabbit_classic_queue",
  ],
  [
    [['x-max-age', fromPlain('1D')]],
    "invalid arg 'x-max-age' for queue 'q' in vhost '/' of queue type rabbit_classic_queue",
  ],
  [
    [
      ['x-queue-type', fromPlain('quorum')],
      ['x-max-priority', byte(3)],
    ],
    "invalid arg 'x-max-priority' for queue 'q' in vhost '/' of queue type rabbit_quorum_queue",
  ],
  [
    [
      ['x-queue-type', fromPlain('quorum')],
      ['x-delivery-limit', fromPlain('a')],
    ],
    'ok',
  ],
  [[['x-foo', byte(3)]], 'ok'],
]

test('arguments of a queue are refused in the words of RabbitMQ', () => {
  for (const [table, answer] of answers) assert.equal(check(table), answer)
})

test('a quorum queue must be durable and nothing else', () => {
  const is = { durable: true, exclusive: false, autoDelete: false, arguments: [] }
  const refused = (change: object) =>
    refusalOf(() => checkQuorumProperties('q', '/', { ...is, ...change }))
  assert.equal(refused({}), 'ok')
  assert.equal(
    refused({ durable: false }),
    "invalid property 'non-durable' for queue 'q' in vhost '/'",
  )
  assert.equal(
    refused({ exclusive: true }),
    "invalid property 'exclusive-owner' for queue 'q' in vhost '/'",
  )
  assert.equal(
    refused({ autoDelete: true }),
    "invalid property 'auto-delete' for queue 'q' in vhost '/'",
  )
})

const current = {
  durable: true,
  exclusive: false,
  autoDelete: false,
  arguments: [
    ['x-max-length', byte(10)],
    ['x-message-ttl', { type: 'I', value: 60_000 }],
    ['x-single-active-consumer', { type: 't', value: true }],
  ],
} as const

function inequality(change: object, assumeClassic = true): string {
  const received = { ...current, ...change }
  return refusalOf(() => checkQueueEquivalence('q', '/', { received, current }, assumeClassic))
}

test('a redeclared queue is compared by value, whatever the width of an integer', () => {
  assert.equal(inequality({}), 'ok')
  const wider = [
    ['x-single-active-consumer', { type: 't', value: true }],
    ['x-message-ttl', long(60_000)],
    ['x-max-length', { type: 'I', value: 10 }],
    ['x-unknown', byte(1)],
  ] as const
  assert.equal(inequality({ arguments: wider }), 'ok')
})

test('a queue declared otherwise is refused in the words of RabbitMQ', () => {
  const of = (name: string) => `inequivalent arg '${name}' for queue 'q' in vhost '/': `
  assert.equal(
    inequality({ durable: false }),
    `${of('durable')}received 'false' but current is 'true'`,
  )
  assert.equal(
    inequality({ autoDelete: true }),
    `${of('auto_delete')}received 'true' but current is 'false'`,
  )
  assert.equal(
    inequality({ arguments: [] }),
    `${of('x-message-ttl')}received none but current is the value '60000' of type 'signedint'`,
  )
  const [, ttl, sac] = current.arguments
  assert.equal(
    inequality({ arguments: [['x-max-length', byte(11)], ttl, sac] }),
    `${of('x-max-length')}received '11' but current is '10'`,
  )
  assert.equal(
    inequality({ arguments: [...current.arguments, ['x-max-priority', byte(3)]] }),
    `${of('x-max-priority')}received the value '3' of type 'byte' but current is none`,
  )
  const quorum = [...current.arguments, ['x-queue-type', fromPlain('quorum')]]
  assert.equal(
    inequality({ arguments: quorum }),
    `${of('x-queue-type')}received 'quorum' but current is 'classic'`,
  )
  assert.equal(
    inequality({ arguments: quorum }, false),
    `${of('x-queue-type')}received the value 'quorum' of type 'longstr' but current is none`,
  )
  const classic = [...current.arguments, ['x-queue-type', fromPlain('classic')]]
  assert.equal(inequality({ arguments: classic }, false), 'ok')
})

test('an exchange declared otherwise is refused in the words of RabbitMQ', () => {
  const exchange = {
    type: 'direct',
    durable: true,
    autoDelete: false,
    internal: false,
    arguments: [['alternate-exchange', fromPlain('amq.fanout')]],
  } as const
  const of = (name: string) => `inequivalent arg '${name}' for exchange 'e' in vhost '/': `
  const refused = (change: object) =>
    refusalOf(() =>
      checkExchangeEquivalence('e', '/', {
        received: { ...exchange, ...change },
        current: exchange,
      }),
    )
  assert.equal(refused({}), 'ok')
  assert.equal(refused({ type: 'topic' }), `${of('type')}received 'topic' but current is 'direct'`)
  assert.equal(
    refused({ internal: true }),
    `${of('internal')}received 'true' but current is 'false'`,
  )
  assert.equal(
    refused({ arguments: [['alternate-exchange', fromPlain('amq.topic')]] }),
    `${of('alternate-exchange')}received 'amq.topic' but current is 'amq.fanout'`,
  )
  assert.equal(
    refused({ arguments: [] }),
    `${of('alternate-exchange')}received none but current is the value 'amq.fanout' of type 'longstr'`,
  )
})

test('the arguments of a consumer and of a headers binding are checked', () => {
  const consume = (table: FieldTable) =>
    refusalOf(() => checkConsumeArguments('q', '/', 'classic', table))
  assert.equal(checkConsumeArguments('q', '/', 'classic', [['x-priority', byte(-5)]]), -5)
  assert.equal(
    consume([['x-priority', fromPlain('a')]]),
    `invalid arg 'x-priority' for queue 'q' in vhost '/': "expected integer, got longstr"`,
  )
  assert.equal(
    consume([['x-stream-offset', fromPlain('first')]]),
    "invalid arg 'x-stream-offset' for queue 'q' in vhost '/' of queue type rabbit_classic_queue",
  )
  const match = (field: FieldValue) => refusalOf(() => checkMatch([['x-match', field]]))
  assert.equal(match(fromPlain('any-with-x')), 'ok')
  assert.equal(
    match(fromPlain('nope')),
    'Invalid x-match field value <<"nope">>; expected all, any, all-with-x, or any-with-x',
  )
  assert.equal(match(byte(3)), 'Invalid x-match field type byte (value 3); expected longstr')
})

test('an expiration is a number of milliseconds in text', () => {
  assert.equal(checkExpiration('0'), undefined)
  assert.equal(checkExpiration('60000'), undefined)
  assert.equal(checkExpiration('abc'), 'no_integer')
  assert.equal(checkExpiration(''), 'no_integer')
  assert.equal(checkExpiration('12x'), '{leftover_string,"x"}')
  assert.equal(checkExpiration('1.5'), '{leftover_string,".5"}')
  assert.equal(checkExpiration('-1'), '{value_negative,-1}')
  assert.equal(checkExpiration('315360000001'), '{value_too_large,315360000001}')
})

test('a queue mode is taken without effect, and refused as RabbitMQ 4.3 does', () => {
  const table: FieldTable = [['x-queue-mode', { type: 'S', value: 'lazy' }]]
  assert.equal(check(table), 'ok')
  const refused = "invalid arg 'x-queue-mode' for queue 'q' in vhost '/'"
  assert.equal(check(table, profiles['4.3']), `${refused} of queue type rabbit_classic_queue`)
})
