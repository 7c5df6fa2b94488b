/**
 * The table of contents of AMQP 0-9-1 as we serve it: method → handler → note. The dispatcher looks
 * methods up here, and the compatibility page is printed from it.
 */

import type { MethodTable } from '../../wire/amqp/methods.ts'
import * as wire from '../../wire/amqp/methods.ts'
import type { Connection, State } from './connection.ts'
import * as basic from './handlers/basic.ts'
import * as channels from './handlers/channel.ts'
import * as confirm from './handlers/confirm.ts'
import * as connections from './handlers/connection.ts'
import * as exchange from './handlers/exchange.ts'
import * as queue from './handlers/queue.ts'
import * as tx from './handlers/tx.ts'
import type { Channel } from './session.ts'

export interface ConnectionCommand {
  readonly message: MethodTable
  /** Where in the life of a connection it may come. */
  readonly states: readonly State[]
  readonly handler: (connection: Connection, request: object) => void
  readonly note: string
}

export interface ChannelCommand {
  readonly message: MethodTable
  readonly handler: (channel: Channel, request: object) => void
  readonly note: string
}

function connection<T>(
  message: MethodTable<T>,
  state: State,
  handler: (connection: Connection, request: T) => void,
  note: string,
): ConnectionCommand {
  return { message, states: [state], handler, note } as unknown as ConnectionCommand
}

function channel<T>(
  message: MethodTable<T>,
  handler: (channel: Channel, request: T) => void,
  note: string,
): ChannelCommand {
  return { message, handler, note } as unknown as ChannelCommand
}

const connectionTable: readonly ConnectionCommand[] = [
  connection(
    wire.ConnectionStartOk,
    'starting',
    connections.startOk,
    'PLAIN, AMQPLAIN, EXTERNAL, ANONYMOUS',
  ),
  connection(wire.ConnectionTuneOk, 'tuning', connections.tuneOk, 'may lower, never raise'),
  connection(
    wire.ConnectionOpen,
    'opening',
    connections.open,
    '530 where there is none, no permission, or a limit',
  ),
  connection(wire.ConnectionClose, 'running', connections.close, ''),
  connection(wire.ConnectionUpdateSecret, 'running', connections.updateSecret, ''),
]

const channelTable: readonly ChannelCommand[] = [
  channel(wire.ChannelOpen, channels.open, ''),
  channel(wire.ChannelClose, channels.close, 'unacknowledged messages go back'),
  channel(wire.ChannelFlow, channels.flow, 'active=true only; else 540, as RabbitMQ'),
  channel(wire.AccessRequest, channels.accessRequest, 'always granted'),
  channel(
    wire.ExchangeDeclare,
    exchange.declare,
    'direct, fanout, topic, headers, and types of plugins: see its README',
  ),
  channel(wire.ExchangeDelete, exchange.remove, 'if-unused'),
  channel(wire.ExchangeBind, exchange.bind, ''),
  channel(wire.ExchangeUnbind, exchange.unbind, ''),
  channel(wire.QueueDeclare, queue.declare, 'classic, quorum, stream'),
  channel(wire.QueueBind, queue.bind, ''),
  channel(wire.QueueUnbind, queue.unbind, ''),
  channel(wire.QueuePurge, queue.purge, 'ready messages only'),
  channel(wire.QueueDelete, queue.remove, 'if-unused, if-empty'),
  channel(wire.BasicQos, basic.qos, 'prefetch-count; prefetch-size is 540, as RabbitMQ'),
  channel(wire.BasicConsume, basic.consume, 'no-ack, exclusive, x-priority, direct reply-to'),
  channel(wire.BasicCancel, basic.cancel, ''),
  channel(wire.BasicCancelOk, basic.cancelOk, ''),
  channel(wire.BasicPublish, fastWay, 'mandatory, CC, BCC; immediate is 540, as RabbitMQ'),
  channel(wire.BasicGet, basic.get, ''),
  channel(wire.BasicAck, fastWay, 'multiple'),
  channel(wire.BasicReject, basic.reject, ''),
  channel(wire.BasicNack, basic.nack, 'multiple'),
  channel(wire.BasicRecover, basic.recover, 'requeue=true only, as RabbitMQ'),
  channel(wire.BasicRecoverAsync, basic.recoverAsync, 'requeue=true only, as RabbitMQ'),
  channel(wire.ConfirmSelect, confirm.select, ''),
  channel(wire.TxSelect, tx.select, ''),
  channel(wire.TxCommit, tx.commit, 'atomic over all queues'),
  channel(wire.TxRollback, tx.rollback, ''),
]

/** Handled by the dispatcher itself, without a decoded request. */
function fastWay(): void {}

export const connectionCommands: ReadonlyMap<number, ConnectionCommand> = new Map(
  connectionTable.map(command => [command.message.id, command]),
)

export const channelCommands: ReadonlyMap<number, ChannelCommand> = new Map(
  channelTable.map(command => [command.message.id, command]),
)
