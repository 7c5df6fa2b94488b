/**
 * Every method of AMQP 0-9-1 with RabbitMQ's extensions, as tables: `method(class, method, name,
 * arguments)`. Arguments in the order of the wire; their sections in the specification are 1.4 to
 * 1.8 under the method's name. Fields named `reserved` are read, and ignored by everyone.
 *
 * What is not here: which side may send a method, and when (the servers know).
 */

import type { ByteReader } from '../../base/bytes.ts'
import type { Infer } from '../schema/binary.ts'
import { WireError } from '../schema/errors.ts'
import {
  bit,
  long,
  longLong,
  longString,
  longText,
  type MethodTable,
  method,
  noteString,
  octet,
  short,
  shortString,
  table,
} from './types.ts'

export type { Infer } from '../schema/binary.ts'
export type { MethodTable } from './types.ts'

// connection (1.4)

export const ConnectionStart = method(10, 10, 'connection.start', {
  versionMajor: octet,
  versionMinor: octet,
  serverProperties: table,
  mechanisms: longText,
  locales: longText,
})
export type ConnectionStart = Infer<typeof ConnectionStart>

export const ConnectionStartOk = method(10, 11, 'connection.start-ok', {
  clientProperties: table,
  mechanism: shortString,
  response: longString,
  locale: shortString,
})
export type ConnectionStartOk = Infer<typeof ConnectionStartOk>

export const ConnectionSecure = method(10, 20, 'connection.secure', { challenge: longString })
export type ConnectionSecure = Infer<typeof ConnectionSecure>

export const ConnectionSecureOk = method(10, 21, 'connection.secure-ok', { response: longString })
export type ConnectionSecureOk = Infer<typeof ConnectionSecureOk>

export const ConnectionTune = method(10, 30, 'connection.tune', {
  channelMax: short,
  frameMax: long,
  heartbeat: short,
})
export type ConnectionTune = Infer<typeof ConnectionTune>

export const ConnectionTuneOk = method(10, 31, 'connection.tune-ok', {
  channelMax: short,
  frameMax: long,
  heartbeat: short,
})
export type ConnectionTuneOk = Infer<typeof ConnectionTuneOk>

export const ConnectionOpen = method(10, 40, 'connection.open', {
  virtualHost: shortString,
  reserved: shortString,
  reservedBit: bit,
})
export type ConnectionOpen = Infer<typeof ConnectionOpen>

export const ConnectionOpenOk = method(10, 41, 'connection.open-ok', { reserved: shortString })
export type ConnectionOpenOk = Infer<typeof ConnectionOpenOk>

export const ConnectionClose = method(10, 50, 'connection.close', {
  replyCode: short,
  replyText: noteString,
  classId: short,
  methodId: short,
})
export type ConnectionClose = Infer<typeof ConnectionClose>

export const ConnectionCloseOk = method(10, 51, 'connection.close-ok', {})
export type ConnectionCloseOk = Infer<typeof ConnectionCloseOk>

export const ConnectionBlocked = method(10, 60, 'connection.blocked', { reason: noteString })
export type ConnectionBlocked = Infer<typeof ConnectionBlocked>

export const ConnectionUnblocked = method(10, 61, 'connection.unblocked', {})
export type ConnectionUnblocked = Infer<typeof ConnectionUnblocked>

export const ConnectionUpdateSecret = method(10, 70, 'connection.update-secret', {
  newSecret: longString,
  reason: shortString,
})
export type ConnectionUpdateSecret = Infer<typeof ConnectionUpdateSecret>

export const ConnectionUpdateSecretOk = method(10, 71, 'connection.update-secret-ok', {})
export type ConnectionUpdateSecretOk = Infer<typeof ConnectionUpdateSecretOk>

// channel (1.5)

export const ChannelOpen = method(20, 10, 'channel.open', { reserved: shortString })
export type ChannelOpen = Infer<typeof ChannelOpen>

export const ChannelOpenOk = method(20, 11, 'channel.open-ok', { reserved: longString })
export type ChannelOpenOk = Infer<typeof ChannelOpenOk>

export const ChannelFlow = method(20, 20, 'channel.flow', { active: bit })
export type ChannelFlow = Infer<typeof ChannelFlow>

export const ChannelFlowOk = method(20, 21, 'channel.flow-ok', { active: bit })
export type ChannelFlowOk = Infer<typeof ChannelFlowOk>

export const ChannelClose = method(20, 40, 'channel.close', {
  replyCode: short,
  replyText: noteString,
  classId: short,
  methodId: short,
})
export type ChannelClose = Infer<typeof ChannelClose>

export const ChannelCloseOk = method(20, 41, 'channel.close-ok', {})
export type ChannelCloseOk = Infer<typeof ChannelCloseOk>

// access (0-8 only; clients of that age still ask)

export const AccessRequest = method(30, 10, 'access.request', {
  realm: shortString,
  exclusive: bit,
  passive: bit,
  active: bit,
  write: bit,
  read: bit,
})
export type AccessRequest = Infer<typeof AccessRequest>

export const AccessRequestOk = method(30, 11, 'access.request-ok', { ticket: short })
export type AccessRequestOk = Infer<typeof AccessRequestOk>

// exchange (1.6)

export const ExchangeDeclare = method(40, 10, 'exchange.declare', {
  reserved: short,
  exchange: shortString,
  type: shortString,
  passive: bit,
  durable: bit,
  autoDelete: bit,
  internal: bit,
  noWait: bit,
  arguments: table,
})
export type ExchangeDeclare = Infer<typeof ExchangeDeclare>

export const ExchangeDeclareOk = method(40, 11, 'exchange.declare-ok', {})
export type ExchangeDeclareOk = Infer<typeof ExchangeDeclareOk>

export const ExchangeDelete = method(40, 20, 'exchange.delete', {
  reserved: short,
  exchange: shortString,
  ifUnused: bit,
  noWait: bit,
})
export type ExchangeDelete = Infer<typeof ExchangeDelete>

export const ExchangeDeleteOk = method(40, 21, 'exchange.delete-ok', {})
export type ExchangeDeleteOk = Infer<typeof ExchangeDeleteOk>

export const ExchangeBind = method(40, 30, 'exchange.bind', {
  reserved: short,
  destination: shortString,
  source: shortString,
  routingKey: shortString,
  noWait: bit,
  arguments: table,
})
export type ExchangeBind = Infer<typeof ExchangeBind>

export const ExchangeBindOk = method(40, 31, 'exchange.bind-ok', {})
export type ExchangeBindOk = Infer<typeof ExchangeBindOk>

export const ExchangeUnbind = method(40, 40, 'exchange.unbind', {
  reserved: short,
  destination: shortString,
  source: shortString,
  routingKey: shortString,
  noWait: bit,
  arguments: table,
})
export type ExchangeUnbind = Infer<typeof ExchangeUnbind>

export const ExchangeUnbindOk = method(40, 51, 'exchange.unbind-ok', {})
export type ExchangeUnbindOk = Infer<typeof ExchangeUnbindOk>

// queue (1.7)

export const QueueDeclare = method(50, 10, 'queue.declare', {
  reserved: short,
  queue: shortString,
  passive: bit,
  durable: bit,
  exclusive: bit,
  autoDelete: bit,
  noWait: bit,
  arguments: table,
})
export type QueueDeclare = Infer<typeof QueueDeclare>

export const QueueDeclareOk = method(50, 11, 'queue.declare-ok', {
  queue: shortString,
  messageCount: long,
  consumerCount: long,
})
export type QueueDeclareOk = Infer<typeof QueueDeclareOk>

export const QueueBind = method(50, 20, 'queue.bind', {
  reserved: short,
  queue: shortString,
  exchange: shortString,
  routingKey: shortString,
  noWait: bit,
  arguments: table,
})
export type QueueBind = Infer<typeof QueueBind>

export const QueueBindOk = method(50, 21, 'queue.bind-ok', {})
export type QueueBindOk = Infer<typeof QueueBindOk>

export const QueuePurge = method(50, 30, 'queue.purge', {
  reserved: short,
  queue: shortString,
  noWait: bit,
})
export type QueuePurge = Infer<typeof QueuePurge>

export const QueuePurgeOk = method(50, 31, 'queue.purge-ok', { messageCount: long })
export type QueuePurgeOk = Infer<typeof QueuePurgeOk>

export const QueueDelete = method(50, 40, 'queue.delete', {
  reserved: short,
  queue: shortString,
  ifUnused: bit,
  ifEmpty: bit,
  noWait: bit,
})
export type QueueDelete = Infer<typeof QueueDelete>

export const QueueDeleteOk = method(50, 41, 'queue.delete-ok', { messageCount: long })
export type QueueDeleteOk = Infer<typeof QueueDeleteOk>

export const QueueUnbind = method(50, 50, 'queue.unbind', {
  reserved: short,
  queue: shortString,
  exchange: shortString,
  routingKey: shortString,
  arguments: table,
})
export type QueueUnbind = Infer<typeof QueueUnbind>

export const QueueUnbindOk = method(50, 51, 'queue.unbind-ok', {})
export type QueueUnbindOk = Infer<typeof QueueUnbindOk>

// basic (1.8)

export const BasicQos = method(60, 10, 'basic.qos', {
  prefetchSize: long,
  prefetchCount: short,
  global: bit,
})
export type BasicQos = Infer<typeof BasicQos>

export const BasicQosOk = method(60, 11, 'basic.qos-ok', {})
export type BasicQosOk = Infer<typeof BasicQosOk>

export const BasicConsume = method(60, 20, 'basic.consume', {
  reserved: short,
  queue: shortString,
  consumerTag: shortString,
  noLocal: bit,
  noAck: bit,
  exclusive: bit,
  noWait: bit,
  arguments: table,
})
export type BasicConsume = Infer<typeof BasicConsume>

export const BasicConsumeOk = method(60, 21, 'basic.consume-ok', { consumerTag: shortString })
export type BasicConsumeOk = Infer<typeof BasicConsumeOk>

export const BasicCancel = method(60, 30, 'basic.cancel', { consumerTag: shortString, noWait: bit })
export type BasicCancel = Infer<typeof BasicCancel>

export const BasicCancelOk = method(60, 31, 'basic.cancel-ok', { consumerTag: shortString })
export type BasicCancelOk = Infer<typeof BasicCancelOk>

export const BasicPublish = method(
  60,
  40,
  'basic.publish',
  {
    reserved: short,
    exchange: shortString,
    routingKey: shortString,
    mandatory: bit,
    immediate: bit,
  },
  { content: true },
)
export type BasicPublish = Infer<typeof BasicPublish>

export const BasicReturn = method(
  60,
  50,
  'basic.return',
  { replyCode: short, replyText: noteString, exchange: shortString, routingKey: shortString },
  { content: true },
)
export type BasicReturn = Infer<typeof BasicReturn>

export const BasicDeliver = method(
  60,
  60,
  'basic.deliver',
  {
    consumerTag: shortString,
    deliveryTag: longLong,
    redelivered: bit,
    exchange: shortString,
    routingKey: shortString,
  },
  { content: true },
)
export type BasicDeliver = Infer<typeof BasicDeliver>

export const BasicGet = method(60, 70, 'basic.get', {
  reserved: short,
  queue: shortString,
  noAck: bit,
})
export type BasicGet = Infer<typeof BasicGet>

export const BasicGetOk = method(
  60,
  71,
  'basic.get-ok',
  {
    deliveryTag: longLong,
    redelivered: bit,
    exchange: shortString,
    routingKey: shortString,
    messageCount: long,
  },
  { content: true },
)
export type BasicGetOk = Infer<typeof BasicGetOk>

export const BasicGetEmpty = method(60, 72, 'basic.get-empty', { reserved: shortString })
export type BasicGetEmpty = Infer<typeof BasicGetEmpty>

export const BasicAck = method(60, 80, 'basic.ack', { deliveryTag: longLong, multiple: bit })
export type BasicAck = Infer<typeof BasicAck>

export const BasicReject = method(60, 90, 'basic.reject', { deliveryTag: longLong, requeue: bit })
export type BasicReject = Infer<typeof BasicReject>

export const BasicRecoverAsync = method(60, 100, 'basic.recover-async', { requeue: bit })
export type BasicRecoverAsync = Infer<typeof BasicRecoverAsync>

export const BasicRecover = method(60, 110, 'basic.recover', { requeue: bit })
export type BasicRecover = Infer<typeof BasicRecover>

export const BasicRecoverOk = method(60, 111, 'basic.recover-ok', {})
export type BasicRecoverOk = Infer<typeof BasicRecoverOk>

export const BasicNack = method(60, 120, 'basic.nack', {
  deliveryTag: longLong,
  multiple: bit,
  requeue: bit,
})
export type BasicNack = Infer<typeof BasicNack>

// confirm (RabbitMQ)

export const ConfirmSelect = method(85, 10, 'confirm.select', { noWait: bit })
export type ConfirmSelect = Infer<typeof ConfirmSelect>

export const ConfirmSelectOk = method(85, 11, 'confirm.select-ok', {})
export type ConfirmSelectOk = Infer<typeof ConfirmSelectOk>

// tx (1.9)

export const TxSelect = method(90, 10, 'tx.select', {})
export type TxSelect = Infer<typeof TxSelect>

export const TxSelectOk = method(90, 11, 'tx.select-ok', {})
export type TxSelectOk = Infer<typeof TxSelectOk>

export const TxCommit = method(90, 20, 'tx.commit', {})
export type TxCommit = Infer<typeof TxCommit>

export const TxCommitOk = method(90, 21, 'tx.commit-ok', {})
export type TxCommitOk = Infer<typeof TxCommitOk>

export const TxRollback = method(90, 30, 'tx.rollback', {})
export type TxRollback = Infer<typeof TxRollback>

export const TxRollbackOk = method(90, 31, 'tx.rollback-ok', {})
export type TxRollbackOk = Infer<typeof TxRollbackOk>

const methods: readonly MethodTable[] = [
  ConnectionStart,
  ConnectionStartOk,
  ConnectionSecure,
  ConnectionSecureOk,
  ConnectionTune,
  ConnectionTuneOk,
  ConnectionOpen,
  ConnectionOpenOk,
  ConnectionClose,
  ConnectionCloseOk,
  ConnectionBlocked,
  ConnectionUnblocked,
  ConnectionUpdateSecret,
  ConnectionUpdateSecretOk,
  ChannelOpen,
  ChannelOpenOk,
  ChannelFlow,
  ChannelFlowOk,
  ChannelClose,
  ChannelCloseOk,
  AccessRequest,
  AccessRequestOk,
  ExchangeDeclare,
  ExchangeDeclareOk,
  ExchangeDelete,
  ExchangeDeleteOk,
  ExchangeBind,
  ExchangeBindOk,
  ExchangeUnbind,
  ExchangeUnbindOk,
  QueueDeclare,
  QueueDeclareOk,
  QueueBind,
  QueueBindOk,
  QueuePurge,
  QueuePurgeOk,
  QueueDelete,
  QueueDeleteOk,
  QueueUnbind,
  QueueUnbindOk,
  BasicQos,
  BasicQosOk,
  BasicConsume,
  BasicConsumeOk,
  BasicCancel,
  BasicCancelOk,
  BasicPublish,
  BasicReturn,
  BasicDeliver,
  BasicGet,
  BasicGetOk,
  BasicGetEmpty,
  BasicAck,
  BasicReject,
  BasicRecoverAsync,
  BasicRecover,
  BasicRecoverOk,
  BasicNack,
  ConfirmSelect,
  ConfirmSelectOk,
  TxSelect,
  TxSelectOk,
  TxCommit,
  TxCommitOk,
  TxRollback,
  TxRollbackOk,
]

/** Every method by its id, `classId << 16 | methodId`. */
export const methodsById: ReadonlyMap<number, MethodTable> = new Map(
  methods.map(table => [table.id, table]),
)

/**
 * The table of the method in a method frame's payload; the reader stands at the arguments then.
 * Throws `WireError`: 502 when there are no four octets, 540 when the method is unknown.
 */
export function readMethodTable(reader: ByteReader): MethodTable {
  const at = reader.at
  if (reader.left < 4) throw new WireError(502, 'a method frame has no method', at)
  const id = reader.u32()
  const found = methodsById.get(id)
  if (found !== undefined) return found
  throw new WireError(540, `method ${id >>> 16}.${id & 0xffff} is unknown`, at)
}
