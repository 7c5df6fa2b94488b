/**
 * tx.*: publishes and acknowledgements of a channel are held back until commit, which hands them to
 * the engine as one effect: on the disk all of them, or none.
 *
 * Refuses: confirms on the same channel (406), more than `transactionBytesMax` (506).
 * Engine: batch.
 */

import type { PublishOutcome } from '../../../engine/model.ts'
import { BasicPublish, TxCommitOk, TxRollbackOk, TxSelectOk } from '../../../wire/amqp/methods.ts'
import { AmqpError, fail, named } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Channel, Transaction, TransactionPublish } from '../session.ts'
import type { Attributes, PooledRecord } from './publish.ts'
import { publishRefusal, unroutable } from './returns.ts'

export function select(channel: Channel): void {
  if (channel.confirming) fail(406, 'cannot switch from confirm to tx mode')
  channel.transaction ??= empty()
  channel.send(TxSelectOk, {})
}

export function commit(channel: Channel): void {
  const transaction = open(channel)
  channel.transaction = empty()
  const { engine } = channel.host.broker
  const outcomes = engine.batch(() => {
    const done = transaction.publishes.map(held =>
      engine.publish(held.route, held.keys, held.record, held.attributes),
    )
    settle(channel, transaction)
    return done
  })
  transaction.publishes.forEach((held, index) => {
    report(channel, held, outcomes[index]!)
  })
  channel.send(TxCommitOk, {})
}

/** Publishes are forgotten; what was acknowledged waits again. */
export function rollback(channel: Channel): void {
  const transaction = open(channel)
  channel.transaction = empty()
  for (const { tag, position, holder } of transaction.settlements) {
    channel.unacked.restore(tag, position, holder)
  }
  channel.send(TxRollbackOk, {})
}

/** Takes a publish in; its bytes are borrowed, so they are copied. */
export function bufferPublish(
  channel: Channel,
  message: {
    readonly route: string
    readonly keys: string | readonly string[]
    readonly record: PooledRecord
    readonly attributes: Attributes
  },
): void {
  const { content, transaction, host } = channel
  const { route, keys, record } = message
  if (host.broker.engine.route(route) === undefined) {
    throw publishRefusal(channel, content.exchange.text, 'not-found')
  }
  const bytes = record.body.length + record.envelope.length + record.key.length
  transaction!.bytes += bytes
  if (transaction!.bytes > limits.transactionBytesMax) {
    const text = `transaction on channel ${channel.number} in vhost '${host.vhost}' is too large`
    throw new AmqpError(506, text, BasicPublish)
  }
  const attributes = message.attributes()
  transaction!.publishes.push({
    route,
    keys,
    exchange: content.exchange.bytes,
    routingKey: content.routingKey.bytes,
    mandatory: content.mandatory,
    attributes: () => attributes,
    record: {
      format: record.format,
      envelope: record.envelope.slice(),
      body: record.body.slice(),
      key: record.key,
      priority: record.priority,
      ttlMs: record.ttlMs,
      transient: record.transient,
      dueAt: record.dueAt,
      dedupeId: record.dedupeId,
    },
  })
}

function settle(channel: Channel, transaction: Transaction): void {
  const { settlements } = transaction
  for (let index = 0; index < settlements.length; index++) {
    const { position, holder, settlement } = settlements[index]!
    channel.takeDue(position, holder)
    if (settlements[index + 1]?.settlement !== settlement) channel.settleTaken(settlement)
  }
}

function report(channel: Channel, held: TransactionPublish, outcome: PublishOutcome): void {
  if (outcome.error !== undefined) {
    const { code, message } = publishRefusal(channel, held.route, outcome.error)
    throw new AmqpError(code as 404, message, { classId: 90, methodId: 20 })
  }
  if (outcome.rejected > 0) {
    fail(406, `partial tx failure: ${named('exchange', held.route, channel.host.vhost)}`)
  }
  const { exchange, routingKey, record } = held
  const passing = { exchange, routingKey, properties: record.envelope, body: record.body }
  const { broker, vhost } = channel.host
  if (broker.firehose.traces(vhost)) broker.firehose.published(channel, passing)
  if (outcome.routed === 0 && held.mandatory) unroutable(channel, passing)
}

function open(channel: Channel): Transaction {
  if (channel.transaction === undefined) fail(406, 'channel is not transactional')
  return channel.transaction
}

function empty(): Transaction {
  return { publishes: [], settlements: [], bytes: 0 }
}
