/** What a publish may come back as: basic.return, or the end of its channel. */

import type { PublishOutcome } from '../../../engine/model.ts'
import { writeReturn } from '../../../wire/amqp/content.ts'
import { BasicPublish } from '../../../wire/amqp/methods.ts'
import { AmqpError, errors, named } from '../errors.ts'
import type { Channel } from '../session.ts'

export interface Returned {
  readonly exchange: Uint8Array
  readonly routingKey: Uint8Array
  readonly properties: Uint8Array
  readonly body: Uint8Array
}

/** basic.return: nobody wanted it. */
export function unroutable(channel: Channel, message: Returned): void {
  const { exchange, routingKey, properties, body } = message
  const { host, number } = channel
  writeReturn(
    host.outbox.writer,
    number,
    312,
    'NO_ROUTE',
    exchange,
    routingKey,
    properties,
    body,
    host.frameMax,
  )
  host.replied()
}

/** `exchange` is the name as the client gave it. */
export function publishRefusal(
  channel: Channel,
  exchange: string,
  error: NonNullable<PublishOutcome['error']>,
): AmqpError {
  const { code, detail } = errors[error]
  const what = named('exchange', exchange, channel.host.vhost)
  return new AmqpError(code, detail(what, ''), BasicPublish)
}
