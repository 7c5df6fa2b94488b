/** Consumes, and acknowledges each delivery by its own ack, those of one chunk in one write. */

import { encodeMethod } from '../../tests/harness/amqp-codec.ts'
import { RawClient } from '../../tests/harness/raw-client.ts'
import { deferred } from '../../tests/harness/wait.ts'
import { frameScanner, method, methodAt, readTag, refuseClose } from './scanner.ts'
import type { LoadAddress } from './specification.ts'

export interface RawConsumer {
  /** Resolves when the expected number is acknowledged and the broker has answered after that. */
  readonly done: Promise<void>
  close(): Promise<void>
}

export interface ConsumerOptions {
  readonly address: LoadAddress
  readonly queues: readonly string[]
  /** Of each queue's consumer. */
  readonly prefetch: number
  /** How many deliveries to expect. */
  readonly messages: number
  /** Sees each body; borrowed until the call returns. */
  readonly onBody?: (bytes: Buffer, start: number) => void
}

const ackFrame = encodeMethod(1, 'basic.ack', { deliveryTag: 0, multiple: false })
const ackTagOffset = 11

export async function openConsumer(options: ConsumerOptions): Promise<RawConsumer> {
  const { address, queues, prefetch, messages, onBody } = options
  const client = await RawClient.open(address)
  await client.call(1, 'channel.open')
  await client.call(1, 'basic.qos', { prefetchCount: prefetch })
  const done = deferred<void>()
  const acks = new AckBuffer()
  let settled = 0
  let tag = 0
  const scan = frameScanner((bytes, start, end) => {
    // A delivery is complete with its body; benchmark bodies are never empty and fit one frame.
    if (bytes[start] === 3) {
      onBody?.(bytes, start + 7)
      acks.add(tag)
      settled++
      return
    }
    const id = methodAt(bytes, start)
    if (id === method.basicDeliver) tag = deliveryTag(bytes, start)
    else if (id === method.queueDeclareOk) done.resolve()
    else refuseClose(bytes, start, end, id)
  })
  client.takeOver(chunk => {
    const before = settled
    scan(chunk)
    const written = acks.take()
    if (written !== undefined) client.send(written)
    // The reply to a passive declare comes after the acks before it have been taken in.
    if (before < messages && settled >= messages) {
      client.method(1, 'queue.declare', { queue: queues[0], passive: true })
    }
  })
  for (const [index, queue] of queues.entries()) {
    client.method(1, 'basic.consume', { queue, consumerTag: `load-${index}` })
  }
  return { done: done.promise, close: () => client.close() }
}

/** After the method's id come the consumer's tag (a short string) and the delivery's tag. */
function deliveryTag(bytes: Buffer, start: number): number {
  return readTag(bytes, start + 12 + (bytes[start + 11] ?? 0))
}

class AckBuffer {
  #bytes = Buffer.alloc(ackFrame.length * 4096)
  #end = 0

  add(tag: number): void {
    if (this.#end + ackFrame.length > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)])
    }
    this.#bytes.set(ackFrame, this.#end)
    this.#bytes.writeUInt32BE(Math.floor(tag / 0x1_0000_0000), this.#end + ackTagOffset)
    this.#bytes.writeUInt32BE(tag >>> 0, this.#end + ackTagOffset + 4)
    this.#end += ackFrame.length
  }

  /** A copy, since the socket may keep it for later. */
  take(): Buffer | undefined {
    if (this.#end === 0) return undefined
    const taken = Buffer.from(this.#bytes.subarray(0, this.#end))
    this.#end = 0
    return taken
  }
}
