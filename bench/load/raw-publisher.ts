/** Publishes pre-encoded messages in large writes and counts the confirms. */

import { encodePublish, type Fields } from '../../tests/harness/amqp-codec.ts'
import { RawClient } from '../../tests/harness/raw-client.ts'
import { deferred } from '../../tests/harness/wait.ts'
import { frameScanner, method, methodAt, readTag, refuseClose } from './scanner.ts'
import type { LoadAddress } from './specification.ts'

export interface RawPublisher {
  /** Publishes `messages` and resolves when each is confirmed. */
  run(messages: number): Promise<void>
  close(): Promise<void>
}

export interface PublisherOptions {
  readonly address: LoadAddress
  readonly exchange: string
  /** Taken in turn; all of one length. */
  readonly routingKeys: readonly string[]
  readonly body: Buffer
  readonly window: number
}

const blockBytes = 65_536

export async function openPublisher(options: PublisherOptions): Promise<RawPublisher> {
  const client = await RawClient.open(options.address)
  await client.call(1, 'channel.open')
  await client.call(1, 'confirm.select')
  const { exchange, routingKeys, body, window } = options
  const encoded = routingKeys.map(routingKey => {
    const fields: Fields = { exchange, routingKey }
    return encodePublish(1, fields, { deliveryMode: 2 }, body)
  })
  const messageBytes = encoded[0]!.length
  const blockCount = Math.max(1, Math.min(window >> 2, Math.floor(blockBytes / messageBytes)))
  while (encoded.length < blockCount) encoded.push(...encoded.slice(0, blockCount - encoded.length))
  const ring = Buffer.concat(encoded)
  const ringCount = encoded.length

  const confirms = new ConfirmCounter(window)
  let sent = 0
  let total = 0
  let finished = deferred<void>()
  const pump = (): void => {
    while (sent < total) {
      const at = sent % ringCount
      const count = Math.min(blockCount, total - sent, ringCount - at)
      if (sent - confirms.count + count > window) return
      client.send(ring.subarray(at * messageBytes, (at + count) * messageBytes))
      sent += count
    }
  }
  client.takeOver(
    frameScanner((bytes, start, end) => {
      const id = methodAt(bytes, start)
      if (id !== method.basicAck) return refuseFailure(bytes, start, end, id)
      confirms.ack(readTag(bytes, start + 11), bytes[start + 19] === 1)
      if (confirms.count === total) finished.resolve()
      else pump()
    }),
  )
  return {
    run: messages => {
      total += messages
      finished = deferred<void>()
      pump()
      return finished.promise
    },
    close: () => client.close(),
  }
}

function refuseFailure(bytes: Buffer, start: number, end: number, id: number): void {
  if (id === method.basicNack) throw new Error('the broker refused a message')
  refuseClose(bytes, start, end, id)
}

/** Counts confirmed tags, each once, whether they come one by one, out of order, or as a range. */
class ConfirmCounter {
  count = 0
  readonly #confirmed: Uint8Array
  #lowest = 1

  constructor(window: number) {
    this.#confirmed = new Uint8Array(window * 2)
  }

  ack(tag: number, multiple: boolean): void {
    const ring = this.#confirmed
    if (multiple) {
      for (; this.#lowest <= tag; this.#lowest++) {
        const slot = this.#lowest % ring.length
        if (ring[slot] === 0) this.count++
        ring[slot] = 0
      }
    } else {
      ring[tag % ring.length] = 1
      this.count++
    }
    for (; ring[this.#lowest % ring.length] === 1; this.#lowest++) {
      ring[this.#lowest % ring.length] = 0
    }
  }
}
