/** Empties a queue into the books. */

import amqp, { type ConsumeMessage } from 'amqplib'
import { decodeBody, type Ledger, type MessageId, OrderKeeper, type Place } from './ledger.ts'
import { deferred, within } from './wait.ts'

/** Takes what is left, in order, acknowledges it, and leaves when the acks are settled. */
export async function drainQueue(
  url: string,
  { queue, place }: { queue: string; place: Place },
  ledger: Ledger,
): Promise<number> {
  const connection = await amqp.connect(url)
  const channel = await connection.createChannel()
  const ready = (await channel.checkQueue(queue)).messageCount
  if (ready > 0) {
    const order = new OrderKeeper(ledger)
    const ids: MessageId[] = []
    const drained = deferred<void>()
    let count = 0
    await channel.prefetch(500)
    await channel.consume(queue, message => {
      // What comes later belongs to whoever drains next: it goes back with the connection.
      if (message === null || count === ready) return
      const id = takeLast(message, { place, order, ledger })
      if (id !== undefined) ids.push(id)
      channel.ack(message)
      if (++count === ready) drained.resolve()
    })
    await within(`${ready} messages from ${queue}`, drained.promise, 120_000)
    await channel.checkQueue(queue)
    ledger.settled(place, ids)
  }
  await connection.close()
  return ready
}

function takeLast(
  message: ConsumeMessage,
  { place, order, ledger }: { place: Place; order: OrderKeeper; ledger: Ledger },
): MessageId | undefined {
  const id = decodeBody(message.content)
  if (id === undefined) {
    ledger.breach('damaged', { publisher: -1, sequence: -1 }, `in the ${place}`)
    return undefined
  }
  ledger.delivered(place, id, message.fields.redelivered)
  if (place === 'queue') order.see(id)
  ledger.acked(place, id)
  return id
}
