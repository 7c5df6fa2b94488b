/** Every method that a client may use, and every error that it may cause. */

import {
  bareScenario,
  bytes,
  call,
  greet,
  onOther,
  publish,
  type Scenario,
  scenario,
} from './script.ts'

const protocolHeader = '414d5150 00000901'
const goodbye = call('connection.close-ok', {}, 1, 0)
const channelClosed = call('channel.close-ok', {}, 0)

const connections: Scenario[] = [
  bareScenario('connection: greeting', bytes(protocolHeader, 1)),
  bareScenario('connection: another protocol', bytes('414d5150 03010000', 2)),
  bareScenario('connection: tune', bytes(protocolHeader, 1), greet('guest', 'guest', 1)),
  bareScenario('connection: wrong password', bytes(protocolHeader, 1), greet('guest', 'no', 1)),
  bareScenario(
    'connection: unknown vhost',
    bytes(protocolHeader, 1),
    greet('guest', 'guest', 1),
    call('connection.tune-ok', { channelMax: 10, frameMax: 131_072, heartbeat: 0 }, 0, 0),
    call('connection.open', { virtualHost: 'nowhere' }, 1, 0),
    goodbye,
  ),
  bareScenario(
    'connection: a channel above the agreed maximum',
    bytes(protocolHeader, 1),
    greet('guest', 'guest', 1),
    call('connection.tune-ok', { channelMax: 10, frameMax: 131_072, heartbeat: 0 }, 0, 0),
    call('connection.open', { virtualHost: '/' }, 1, 0),
    call('channel.open', {}, 1, 11),
    goodbye,
  ),
  scenario(
    'connection: close',
    call('connection.close', { replyCode: 200, replyText: 'bye', classId: 0, methodId: 0 }, 1, 0),
  ),
  scenario('connection: bad frame end', bytes('08 0000 00000000 00', 1), goodbye),
  scenario('connection: heartbeat on a channel', bytes('08 0001 00000000 ce', 1), goodbye),
  scenario('connection: unknown frame type', bytes('09 0001 00000000 ce', 1), goodbye),
  scenario('connection: unknown method', bytes('01 0001 00000004 00320063 ce', 1), goodbye),
  scenario('connection: method cut short', bytes('01 0001 00000006 0032000a 0000 ce', 1), goodbye),
  scenario('connection: frame too large', bytes('01 0001 00ffffff', 1), goodbye),
  scenario('connection: body without a method', bytes('03 0001 00000001 78 ce', 1), goodbye),
]

const channels: Scenario[] = [
  scenario(
    'channel: open and close',
    call('channel.open', {}, 1, 2),
    call('channel.close', { replyCode: 200, replyText: '', classId: 0, methodId: 0 }, 1, 2),
    call('channel.open', {}, 1, 2),
  ),
  scenario('channel: open twice', call('channel.open', {}, 1, 1), goodbye),
  scenario('channel: never opened', call('basic.qos', { prefetchCount: 1 }, 1, 7), goodbye),
  scenario('channel: flow on', call('channel.flow', { active: true })),
  scenario('channel: flow off', call('channel.flow', { active: false }), goodbye),
  scenario(
    'channel: closed by an error and opened again',
    call('queue.declare', { queue: 't-none', passive: true }),
    channelClosed,
    call('channel.open'),
  ),
]

const exchange = 't-exchange'
const exchanges: Scenario[] = [
  scenario(
    'exchange: life',
    call('exchange.declare', { exchange, type: 'topic', durable: true }),
    call('exchange.declare', { exchange, type: 'topic', durable: true }),
    call('exchange.declare', { exchange, passive: true }),
    call('exchange.delete', { exchange }),
    call('exchange.delete', { exchange }),
  ),
  scenario(
    'exchange: passive and missing',
    call('exchange.declare', { exchange: 't-none', passive: true }),
  ),
  scenario(
    'exchange: another type',
    call('exchange.declare', { exchange, type: 'topic' }),
    call('exchange.declare', { exchange, type: 'fanout' }),
  ),
  scenario(
    'exchange: another durability',
    call('exchange.declare', { exchange: 't-d', type: 'topic' }),
    call('exchange.declare', { exchange: 't-d', type: 'topic', durable: true }),
  ),
  scenario(
    'exchange: another auto-delete',
    call('exchange.declare', { exchange: 't-a', type: 'topic' }),
    call('exchange.declare', { exchange: 't-a', type: 'topic', autoDelete: true }),
  ),
  scenario(
    'exchange: another internal',
    call('exchange.declare', { exchange: 't-i', type: 'topic' }),
    call('exchange.declare', { exchange: 't-i', type: 'topic', internal: true }),
  ),
  scenario(
    'exchange: another alternate',
    call('exchange.declare', { exchange: 't-x', type: 'topic' }),
    call('exchange.declare', {
      exchange: 't-x',
      type: 'topic',
      arguments: { 'alternate-exchange': 'z' },
    }),
  ),
  scenario(
    'exchange: unknown type',
    call('exchange.declare', { exchange: 't-u', type: 'nonsense' }),
    goodbye,
  ),
  scenario(
    'exchange: reserved name',
    call('exchange.declare', { exchange: 'amq.mine', type: 'topic' }),
  ),
  scenario(
    'exchange: default declared',
    call('exchange.declare', { exchange: '', type: 'direct', durable: true }),
  ),
  scenario('exchange: default deleted', call('exchange.delete', { exchange: '' })),
  scenario('exchange: predeclared deleted', call('exchange.delete', { exchange: 'amq.topic' })),
  scenario(
    'exchange: in use',
    call('exchange.declare', { exchange: 't-used', type: 'fanout' }),
    call('queue.declare', { queue: 't-eq', exclusive: true }),
    call('queue.bind', { queue: 't-eq', exchange: 't-used' }),
    call('exchange.delete', { exchange: 't-used', ifUnused: true }),
  ),
  scenario(
    'exchange: bind and unbind',
    call('exchange.bind', { destination: 'amq.fanout', source: 'amq.topic', routingKey: 'k' }),
    call('exchange.unbind', { destination: 'amq.fanout', source: 'amq.topic', routingKey: 'k' }),
    call('exchange.unbind', { destination: 'amq.fanout', source: 'amq.topic', routingKey: 'k' }),
  ),
  scenario(
    'exchange: bind to a missing source',
    call('exchange.bind', { destination: 'amq.fanout', source: 't-none' }),
  ),
  scenario(
    'exchange: bind a missing destination',
    call('exchange.bind', { destination: 't-none', source: 'amq.fanout' }),
  ),
  scenario(
    'exchange: publish to an internal one',
    call('exchange.declare', { exchange: 't-int', type: 'fanout', internal: true }),
    publish({ exchange: 't-int' }, { answers: 1 }),
  ),
]

const queue = 't-queue'
const queues: Scenario[] = [
  scenario(
    'queue: life',
    call('queue.declare', { queue, durable: true }),
    call('queue.declare', { queue, durable: true }),
    call('queue.declare', { queue, passive: true }),
    call('queue.bind', { queue, exchange: 'amq.topic', routingKey: 'a.*' }),
    call('queue.unbind', { queue, exchange: 'amq.topic', routingKey: 'a.*' }),
    call('queue.unbind', { queue, exchange: 'amq.topic', routingKey: 'a.*' }),
    call('queue.purge', { queue }),
    call('queue.delete', { queue }),
    call('queue.delete', { queue }),
  ),
  scenario(
    'queue: named by the broker',
    call('queue.declare', { exclusive: true }),
    call('queue.bind', { exchange: 'amq.topic' }),
    call('queue.declare', { passive: true }),
  ),
  scenario(
    'queue: the last one, when there is none',
    call('queue.bind', { exchange: 'amq.topic' }),
  ),
  scenario('queue: passive and missing', call('queue.declare', { queue: 't-none', passive: true })),
  scenario(
    'queue: another durability',
    call('queue.declare', { queue: 't-qd', durable: true }),
    call('queue.declare', { queue: 't-qd' }),
  ),
  scenario(
    'queue: another auto-delete',
    call('queue.declare', { queue: 't-qa', durable: true }),
    call('queue.declare', { queue: 't-qa', durable: true, autoDelete: true }),
  ),
  scenario(
    'queue: another argument',
    call('queue.declare', { queue: 't-qx', durable: true }),
    call('queue.declare', {
      queue: 't-qx',
      durable: true,
      arguments: { 'x-max-priority': { '!': 'int32', value: 10 } },
    }),
  ),
  scenario(
    'queue: an argument that is missing now',
    call('queue.declare', {
      queue: 't-qm',
      durable: true,
      arguments: { 'x-message-ttl': { '!': 'int32', value: 10 } },
    }),
    call('queue.declare', { queue: 't-qm', durable: true }),
  ),
  scenario(
    'queue: a string that differs',
    call('queue.declare', {
      queue: 't-qs',
      durable: true,
      arguments: { 'x-dead-letter-exchange': 'one' },
    }),
    call('queue.declare', {
      queue: 't-qs',
      durable: true,
      arguments: { 'x-dead-letter-exchange': 'two' },
    }),
  ),
  scenario(
    'queue: the width of an integer does not matter',
    call('queue.declare', {
      queue: 't-qw',
      exclusive: true,
      arguments: { 'x-expires': { '!': 'int32', value: 60_000 } },
    }),
    call('queue.declare', {
      queue: 't-qw',
      exclusive: true,
      arguments: { 'x-expires': { '!': 'int64', value: 60_000 } },
    }),
  ),
  scenario('queue: reserved name', call('queue.declare', { queue: 'amq.mine' })),
  scenario(
    'queue: locked',
    call('queue.declare', { queue: 't-mine', exclusive: true }),
    onOther(call('queue.declare', { queue: 't-mine', exclusive: true })),
  ),
  scenario(
    'queue: in use',
    call('queue.declare', { queue: 't-qu', exclusive: true }),
    call('basic.consume', { queue: 't-qu', consumerTag: 'c' }),
    call('queue.delete', { queue: 't-qu', ifUnused: true }),
  ),
  scenario(
    'queue: not empty',
    call('queue.declare', { queue: 't-qe', exclusive: true }),
    call('confirm.select'),
    publish({ exchange: '', routingKey: 't-qe' }, { answers: 1 }),
    call('queue.delete', { queue: 't-qe', ifEmpty: true }),
  ),
  scenario(
    'queue: bind to a missing exchange',
    call('queue.declare', { queue: 't-qb', exclusive: true }),
    call('queue.bind', { queue: 't-qb', exchange: 't-none' }),
  ),
  scenario(
    'queue: bind a missing queue',
    call('queue.bind', { queue: 't-none', exchange: 'amq.topic' }),
  ),
  scenario(
    'queue: bind to the default exchange',
    call('queue.declare', { queue: 't-qf', exclusive: true }),
    call('queue.bind', { queue: 't-qf', exchange: '' }),
  ),
  scenario('queue: purge a missing one', call('queue.purge', { queue: 't-none' })),
  scenario(
    'queue: deleted under a consumer',
    call('queue.declare', { queue: 't-qc', exclusive: true }),
    call('basic.consume', { queue: 't-qc', consumerTag: 'c' }),
    call('queue.delete', { queue: 't-qc' }, 2),
  ),
  ...invalidArguments(),
]

function invalidArguments(): Scenario[] {
  const values: [string, unknown][] = [
    ['x-message-ttl', -1],
    ['x-message-ttl', 'soon'],
    ['x-expires', 0],
    ['x-max-length', -5],
    ['x-max-length-bytes', 'much'],
    ['x-max-priority', 256],
    ['x-max-priority', -1],
    ['x-overflow', 'explode'],
    ['x-dead-letter-exchange', 5],
    ['x-dead-letter-routing-key', 'without-exchange'],
    ['x-single-active-consumer', 'yes'],
    ['x-queue-type', 'nonsense'],
  ]
  return values.map(([name, value]) =>
    scenario(
      `queue: invalid ${name} ${value}`,
      call('queue.declare', { queue: 't-invalid', arguments: { [name]: value } }),
    ),
  )
}

const basics: Scenario[] = [
  scenario(
    'basic: consume, ack, cancel',
    call('queue.declare', { queue: 't-b1', exclusive: true }),
    call('basic.qos', { prefetchCount: 1 }),
    call('basic.consume', { queue: 't-b1', consumerTag: 'c' }),
    publish(
      { exchange: '', routingKey: 't-b1' },
      { properties: { contentType: 'text/plain', headers: { a: 1 } }, answers: 3 },
    ),
    call('basic.ack', { deliveryTag: 1 }, 0),
    call('basic.cancel', { consumerTag: 'c' }),
    call('basic.cancel', { consumerTag: 'c' }),
  ),
  scenario(
    'basic: consumer named by the broker',
    call('queue.declare', { queue: 't-b2', exclusive: true }),
    call('basic.consume', { queue: 't-b2' }),
  ),
  scenario(
    'basic: tag in use',
    call('queue.declare', { queue: 't-b3', exclusive: true }),
    call('basic.consume', { queue: 't-b3', consumerTag: 'c' }),
    call('basic.consume', { queue: 't-b3', consumerTag: 'c' }),
    goodbye,
  ),
  scenario('basic: consume from a missing queue', call('basic.consume', { queue: 't-none' })),
  scenario(
    'basic: exclusive consumer',
    call('queue.declare', { queue: 't-b4', exclusive: true }),
    call('basic.consume', { queue: 't-b4', consumerTag: 'c', exclusive: true }),
    call('basic.consume', { queue: 't-b4', consumerTag: 'd' }),
  ),
  scenario('basic: prefetch size', call('basic.qos', { prefetchSize: 1000 }), goodbye),
  scenario(
    'basic: get',
    call('queue.declare', { queue: 't-b5', exclusive: true }),
    call('basic.get', { queue: 't-b5' }),
    publish({ exchange: '', routingKey: 't-b5' }),
    call('basic.get', { queue: 't-b5' }, 3),
    call('basic.reject', { deliveryTag: 1, requeue: true }, 0),
    call('basic.get', { queue: 't-b5' }, 3),
    call('basic.nack', { deliveryTag: 2, requeue: false }, 0),
    call('basic.get', { queue: 't-b5' }),
  ),
  scenario('basic: get from a missing queue', call('basic.get', { queue: 't-none' })),
  scenario(
    'basic: recover',
    call('queue.declare', { queue: 't-b6', exclusive: true }),
    publish({ exchange: '', routingKey: 't-b6' }),
    call('basic.consume', { queue: 't-b6', consumerTag: 'c' }, 4),
    call('basic.recover', { requeue: true }, 4),
  ),
  scenario('basic: recover without requeue', call('basic.recover', { requeue: false }), goodbye),
  scenario('basic: unknown delivery', call('basic.ack', { deliveryTag: 9 })),
  scenario('basic: reject an unknown delivery', call('basic.reject', { deliveryTag: 9 })),
  scenario('basic: nack an unknown delivery', call('basic.nack', { deliveryTag: 9 })),
  scenario(
    'basic: acknowledge twice',
    call('queue.declare', { queue: 't-b7', exclusive: true }),
    publish({ exchange: '', routingKey: 't-b7' }),
    call('basic.get', { queue: 't-b7' }, 3),
    call('basic.ack', { deliveryTag: 1 }, 0),
    call('basic.ack', { deliveryTag: 1 }),
  ),
  scenario('basic: publish to a missing exchange', publish({ exchange: 't-none' }, { answers: 1 })),
  scenario(
    'basic: immediate',
    publish({ exchange: '', routingKey: 'x', immediate: true }, { answers: 1 }),
    goodbye,
  ),
  scenario(
    'basic: mandatory and unroutable',
    publish({ exchange: '', routingKey: 't-none', mandatory: true }, { answers: 3 }),
  ),
  scenario(
    'basic: bad expiration',
    publish({ exchange: '', routingKey: 'x' }, { properties: { expiration: 'soon' }, answers: 1 }),
  ),
  scenario(
    'basic: user-id of another',
    publish({ exchange: '', routingKey: 'x' }, { properties: { userId: 'mallory' }, answers: 1 }),
  ),
  scenario(
    'basic: reply-to without a consumer',
    publish(
      { exchange: '', routingKey: 'x' },
      { properties: { replyTo: 'amq.rabbitmq.reply-to' }, answers: 1 },
    ),
  ),
  scenario(
    'basic: reply-to consumer with acks',
    call('basic.consume', { queue: 'amq.rabbitmq.reply-to' }),
  ),
  scenario(
    'basic: reply-to consumer twice',
    call('basic.consume', { queue: 'amq.rabbitmq.reply-to', noAck: true, consumerTag: 'c' }),
    call('basic.consume', { queue: 'amq.rabbitmq.reply-to', noAck: true, consumerTag: 'd' }),
  ),
  scenario(
    'basic: dead letter',
    call('queue.declare', { queue: 't-dead', exclusive: true }),
    call('queue.declare', {
      queue: 't-work',
      exclusive: true,
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 't-dead' },
    }),
    call('basic.consume', { queue: 't-dead', noAck: true, consumerTag: 'd' }),
    publish(
      { exchange: '', routingKey: 't-work' },
      { properties: { expiration: '600000', headers: { mine: 'yes' } } },
    ),
    call('basic.get', { queue: 't-work' }, 3),
    call('basic.reject', { deliveryTag: 1, requeue: false }, 3),
  ),
]

const transactions: Scenario[] = [
  scenario(
    'confirm: publish',
    call('queue.declare', { queue: 't-c1', exclusive: true }),
    call('confirm.select'),
    call('confirm.select'),
    publish({ exchange: '', routingKey: 't-c1' }, { answers: 1 }),
    publish({ exchange: '', routingKey: 't-none' }, { answers: 1 }),
    publish({ exchange: '', routingKey: 't-none', mandatory: true }, { answers: 4 }),
  ),
  scenario(
    'confirm: full queue',
    call('queue.declare', {
      queue: 't-c2',
      exclusive: true,
      arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    }),
    call('confirm.select'),
    publish({ exchange: '', routingKey: 't-c2' }, { answers: 1 }),
    publish({ exchange: '', routingKey: 't-c2' }, { answers: 1 }),
  ),
  scenario('confirm: after tx', call('tx.select'), call('confirm.select')),
  scenario('tx: after confirm', call('confirm.select'), call('tx.select')),
  scenario('tx: commit without select', call('tx.commit')),
  scenario('tx: rollback without select', call('tx.rollback')),
  scenario(
    'tx: commit and rollback',
    call('queue.declare', { queue: 't-x1', exclusive: true }),
    call('tx.select'),
    publish({ exchange: '', routingKey: 't-x1' }),
    call('basic.get', { queue: 't-x1' }),
    call('tx.commit'),
    publish({ exchange: '', routingKey: 't-x1' }),
    call('tx.rollback'),
    call('basic.get', { queue: 't-x1' }, 3),
    call('basic.ack', { deliveryTag: 1 }, 0),
    call('tx.commit'),
    call('basic.get', { queue: 't-x1' }),
  ),
]

export const scenarios: readonly Scenario[] = [
  ...connections,
  ...channels,
  ...exchanges,
  ...queues,
  ...basics,
  ...transactions,
]
