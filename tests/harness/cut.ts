/**
 * Ends a connection without a goodbye, as a crash of the client would. amqplib keeps the socket but
 * does not declare it, and notices its end only when there is an error.
 */

import type { ChannelModel } from 'amqplib'

export function cut(connection: ChannelModel): Promise<void> {
  const inner = connection.connection as unknown as { stream: { destroy(error: Error): void } }
  return new Promise(resolve => {
    connection.once('close', () => resolve())
    inner.stream.destroy(new Error('cut'))
  })
}
