/** Deliveries that were not acknowledged in time: who is closed, or loses his place. */

import { BasicCancel } from '../../wire/amqp/methods.ts'
import { limits } from './limits.ts'
import type { Channel } from './session.ts'

/**
 * The limit that the channel has overstepped, in ms, for which it is to be closed.
 *
 * Since RabbitMQ 4.3 it is a matter of quorum queues alone, and of the consumer: one that
 * understands basic.cancel loses its place and not its channel.
 */
export function overdueMs(channel: Channel, nowMs: number): number | undefined {
  const { broker, cancelNotify } = channel.host
  const limitMs = broker.options.acknowledgeMs ?? limits.acknowledgeMs
  if (!broker.profile.consumerTimeouts) return channel.overdue(nowMs, limitMs)
  const overdue = channel.overdueConsumers(nowMs, limitMs)
  if (!cancelNotify) return overdue[0] && (overdue[0].timeoutMs ?? limitMs)
  for (const consumer of overdue) {
    channel.expel(consumer)
    channel.send(BasicCancel, { consumerTag: consumer.tag, noWait: true })
  }
  return undefined
}

export function overdueText(channel: number, limitMs: number): string {
  return (
    `delivery acknowledgement on channel ${channel} timed out. Timeout value used: ${limitMs} ms. ` +
    'This timeout value can be configured, see consumers doc guide to learn more'
  )
}
