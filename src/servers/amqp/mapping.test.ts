import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import { SeededRandom } from '../../base/random.ts'
import { defaultLog, defaultQueue, defaultRoute } from '../../engine/model.ts'
import type { FieldTable, FieldValue } from '../../wire/amqp/field-table.ts'
import { readTable, sampleTable, tableOf, writeTable } from '../../wire/amqp/field-table.ts'
import {
  attributesOf,
  bindingDefinitionOf,
  bindingOf,
  exchangeDefinitionOf,
  logConfigOf,
  type QueueDefinition,
  queueDefinitionOf,
  routeConfigOf,
  tableFromJson,
  tableToJson,
} from './mapping.ts'
import { engineName, nameIn, randomToken } from './names.ts'
import { profiles } from './profiles.ts'

const profile = profiles['4.2']
const long = (value: number): FieldValue => ({ type: 'l', value: BigInt(value) })
const text = (value: string): FieldValue => ({ type: 'S', value })

function configOf(queue: QueueDefinition, vhost = '/') {
  return { ...defaultLog, ...logConfigOf(queue, vhost, profile) }
}

function queueWith(table: FieldTable): QueueDefinition {
  return { durable: true, exclusive: false, autoDelete: false, arguments: table }
}

test('a table survives the journey through JSON with all of its types', () => {
  const random = new SeededRandom(7)
  for (let round = 0; round < 300; round++) {
    // As it comes off the wire: text that is not UTF-8 has become bytes.
    const writer = new ByteWriter()
    writeTable(writer, sampleTable(random))
    const table = readTable(new ByteReader(writer.take()))
    const again = tableFromJson(JSON.parse(JSON.stringify(tableToJson(table))))
    assert.deepEqual(again, table)
  }
})

test('a queue definition comes back out of its configuration, in every virtual host', () => {
  const random = new SeededRandom(8)
  for (const vhost of ['/', 'other']) {
    for (let round = 0; round < 100; round++) {
      const definition: QueueDefinition = {
        durable: random.chance(0.5),
        exclusive: random.chance(0.3),
        autoDelete: random.chance(0.3),
        arguments: [
          ['x-message-ttl', long(random.below(1000))],
          ['x-dead-letter-exchange', text('dead')],
          ['x-custom', { type: 'F', value: sampleTable(random) }],
        ],
      }
      const config = configOf(definition, vhost)
      const stored = { ...config, labels: JSON.parse(JSON.stringify(config.labels)) }
      assert.deepEqual(queueDefinitionOf(stored, vhost), definition)
    }
  }
})

test('the arguments of a queue become what the engine does', () => {
  const { queue, idleMs } = configOf(
    queueWith([
      ['x-expires', long(60_000)],
      ['x-message-ttl', { type: 'I', value: 5000 }],
      ['x-max-length', { type: 'b', value: 10 }],
      ['x-max-length-bytes', long(1_000_000)],
      ['x-overflow', text('reject-publish')],
      ['x-dead-letter-exchange', text('dlx')],
      ['x-dead-letter-routing-key', text('dead')],
      ['x-max-priority', { type: 'B', value: 9 }],
      ['x-single-active-consumer', { type: 't', value: true }],
    ]),
  )
  assert.equal(idleMs, 60_000)
  assert.deepEqual(queue, {
    ...defaultQueue,
    levels: 10,
    ttlMs: 5000,
    countMax: 10,
    bytesMax: 1_000_000,
    overflow: 'reject',
    deadLetter: { route: 'dlx', key: 'dead' },
    singleActive: true,
  })
})

test('a queue of another protocol has a definition that would declare the like of it', () => {
  const queue = {
    ...defaultQueue,
    ttlMs: 5000,
    countMax: 10,
    bytesMax: 99,
    overflow: 'reject-dead-letter',
    deadLetter: { route: 'dlx', key: 'k' },
    levels: 4,
    singleActive: true,
  } as const
  const config = { ...defaultLog, idleMs: 1000, autoDrop: true, queue }
  const again = configOf(queueDefinitionOf(config, '/'))
  assert.deepEqual({ ...again, labels: {} }, config)
})

test('a quorum queue gives up after its delivery limit, counting redeliveries', () => {
  const quorum = (limit?: number) =>
    configOf(
      queueWith([
        ['x-queue-type', text('quorum')],
        ...(limit === undefined ? [] : [['x-delivery-limit', long(limit)] as const]),
      ]),
    ).queue?.attemptsMax
  assert.equal(quorum(), 21)
  assert.equal(quorum(3), 4)
  assert.equal(quorum(-1), undefined)
  assert.equal(configOf(queueWith([])).queue?.attemptsMax, undefined)
})

test('an exclusive queue is never durable in the engine, whatever it was declared with', () => {
  const definition = { ...queueWith([]), exclusive: true }
  assert.equal(configOf(definition).durable, false)
  assert.equal(queueDefinitionOf(configOf(definition), '/').durable, true)
})

test('an exchange definition comes back out of its configuration', () => {
  for (const type of ['direct', 'fanout', 'topic', 'headers']) {
    for (const vhost of ['/', 'other']) {
      const definition = {
        type,
        durable: true,
        autoDelete: type === 'topic',
        internal: type === 'direct',
        arguments: [['alternate-exchange', text('ae')]],
      } as const
      const config = { ...defaultRoute, ...routeConfigOf(definition, vhost) }
      assert.equal(config.alternate, engineName(vhost, 'ae'))
      assert.deepEqual(exchangeDefinitionOf(config, vhost), definition)
      const { alternate } = config
      const derived = exchangeDefinitionOf({ ...config, labels: {} }, vhost)
      assert.equal(alternate, routeConfigOf(derived, vhost).alternate)
    }
  }
})

test('a binding comes back out of the engine with its arguments, sorted', () => {
  const definition = {
    source: 'amq.headers',
    destination: { kind: 'queue', name: 'q' },
    routingKey: 'k',
    arguments: [
      ['a', long(1)],
      ['x-match', text('any')],
    ],
  } as const
  const binding = bindingOf(definition, 'v', 'attributes')
  assert.equal(binding.route, engineName('v', 'amq.headers'))
  assert.deepEqual(bindingDefinitionOf(binding, 'v'), definition)
  const turned = { ...definition, arguments: [...definition.arguments].reverse() }
  assert.deepEqual(bindingOf(turned, 'v', 'attributes'), binding)
})

test('the four forms of x-match differ in what they compare', () => {
  const match = (form: string | undefined) =>
    bindingOf(
      {
        source: 'h',
        destination: { kind: 'queue', name: 'q' },
        routingKey: '',
        arguments: [
          ...(form === undefined ? [] : [['x-match', text(form)] as const]),
          ['x-secret', text('s')],
          ['colour', text('red')],
          ['present', { type: 'V', value: null }],
        ],
      },
      '/',
      'attributes',
    ).attributes
  const plain = { colour: 'red', present: null }
  assert.deepEqual(match(undefined), { mode: 'all', match: plain })
  assert.deepEqual(match('all'), { mode: 'all', match: plain })
  assert.deepEqual(match('any'), { mode: 'any', match: plain })
  assert.deepEqual(match('all-with-x'), { mode: 'all', match: { 'x-secret': 's', ...plain } })
  assert.deepEqual(match('any-with-x'), { mode: 'any', match: { 'x-secret': 's', ...plain } })
})

test('attributes compare by value: integers of any width, bytes like text', () => {
  const attributes = attributesOf([
    ['n', { type: 'b', value: 5 }],
    ['m', long(5)],
    ['s', text('abc')],
    ['x', { type: 'x', value: Uint8Array.of(97, 98, 99) }],
    ['v', { type: 'V', value: null }],
  ])
  assert.equal(attributes.get('n'), attributes.get('m'))
  assert.equal(attributes.get('s'), attributes.get('x'))
  assert.equal(attributes.get('v'), null)
})

test('the default virtual host has plain names, others are kept apart', () => {
  assert.equal(engineName('/', 'q'), 'q')
  assert.equal(nameIn('/', 'q'), 'q')
  assert.equal(engineName('v', ''), '')
  assert.equal(nameIn('v', engineName('v', 'q')), 'q')
  assert.equal(nameIn('/', engineName('v', 'q')), undefined)
  assert.equal(nameIn('w', engineName('v', 'q')), undefined)
})

test('tokens are 22 characters of base64url and differ', () => {
  const random = new SeededRandom(1)
  const tokens = new Set(Array.from({ length: 100 }, () => randomToken(random)))
  assert.equal(tokens.size, 100)
  for (const token of tokens) assert.match(token, /^[A-Za-z0-9_-]{22}$/)
})

test('delayed retry is the profile 4.3 alone', () => {
  const table = tableOf({
    'x-queue-type': 'quorum',
    'x-delayed-retry-type': 'failed',
    'x-delayed-retry-min': 100,
    'x-delayed-retry-max': 250,
  })
  const queue = { durable: true, exclusive: false, autoDelete: false, arguments: table }
  assert.deepEqual(logConfigOf(queue, '/', profiles['4.3']).queue?.retry, {
    minMs: 100,
    maxMs: 250,
    factor: 1,
    linear: true,
  })
  assert.equal(logConfigOf(queue, '/', profiles['4.2']).queue?.retry, undefined)
})
