import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter, encodeUtf8 } from '../../base/bytes.ts'
import { WireError } from '../schema/errors.ts'
import {
  FrameReader,
  frameBody,
  frameHeartbeat,
  frameMethod,
  frameMinSize,
  protocolHeader,
  writeHeartbeat,
  writeMethodFrame,
} from './frame.ts'
import { BasicAck, ConnectionTuneOk } from './methods.ts'

function frame(type: number, channel: number, payload: Uint8Array, end = 0xce): Uint8Array {
  const writer = new ByteWriter()
  writer.u8(type)
  writer.u16(channel)
  writer.u32(payload.length)
  writer.raw(payload)
  writer.u8(end)
  return writer.take()
}

function refuses(bytes: Uint8Array, code: number, offset: number, before = protocolHeader): void {
  const reader = new FrameReader({ frameMax: frameMinSize, onHeader: () => {} })
  reader.push(before, () => {})
  throws(
    () => reader.push(bytes, () => {}),
    (error: Error) => {
      ok(error instanceof WireError, error.stack)
      equal(`${error.code} at ${error.offset}`, `${code} at ${offset}`, error.message)
      return true
    },
  )
  equal(reader.stopped, true)
}

test('the protocol header is accepted in one piece, in eight, and with frames behind it', () => {
  const writer = new ByteWriter()
  writer.raw(protocolHeader)
  writeHeartbeat(writer)
  const bytes = writer.take()
  for (let step = 1; step <= bytes.length; step++) {
    const seen: unknown[] = []
    const reader = new FrameReader({
      frameMax: frameMinSize,
      onHeader: (accepted, header) => seen.push(accepted, [...header]),
    })
    for (let at = 0; at < bytes.length; at += step) {
      reader.push(bytes.subarray(at, at + step), type => seen.push(type))
    }
    deepEqual(seen, [true, [...protocolHeader], frameHeartbeat])
  }
})

test('another header is reported at its first wrong octet, and nothing is read after it', () => {
  for (const header of ['AMQP\0\0\t\0', 'AMQP\x01\x01\x08\0', 'GET / HTTP/1.1\r\n', 'x']) {
    const seen: string[] = []
    const reader = new FrameReader({
      frameMax: frameMinSize,
      onHeader: (accepted, bytes) => seen.push(`${accepted} ${Buffer.from(bytes)}`),
    })
    reader.push(encodeUtf8(header), () => seen.push('frame'))
    reader.push(frame(frameHeartbeat, 0, new Uint8Array(0)), () => seen.push('frame'))
    deepEqual(seen, [`false ${header.slice(0, 8)}`])
    equal(reader.stopped, true)
  }
})

test('a client reads frames from the first octet', () => {
  const seen: number[] = []
  const reader = new FrameReader({ frameMax: frameMinSize })
  reader.push(frame(frameMethod, 7, new Uint8Array(4)), (type, channel, payload) =>
    seen.push(type, channel, payload.length),
  )
  deepEqual(seen, [1, 7, 4])
})

test('a frame that lies wholly in the pushed octets is not copied', () => {
  const bytes = frame(frameMethod, 1, Uint8Array.of(1, 2, 3, 4))
  const reader = new FrameReader({ frameMax: frameMinSize })
  reader.push(Buffer.from(bytes.buffer), (_type, _channel, payload) => {
    equal(payload.buffer, bytes.buffer)
    equal(payload.byteOffset, 7)
    equal(payload.constructor, Uint8Array)
  })
})

test('breaches are wire errors with the offset in the connection', () => {
  const none = new Uint8Array(0)
  refuses(frame(frameMethod, 1, new Uint8Array(4), 0xcd), 501, 8 + 11)
  refuses(frame(frameHeartbeat, 1, none), 505, 8 + 1)
  refuses(frame(frameHeartbeat, 0, Uint8Array.of(1)), 501, 8 + 3)
  refuses(frame(frameBody, 0, none), 505, 8 + 1)
  refuses(frame(2, 0, none), 505, 8 + 1)
  refuses(frame(4, 1, none), 501, 8)
  refuses(frame(0, 1, none), 501, 8)
  refuses(frame(frameBody, 1, new Uint8Array(frameMinSize - 7)), 501, 8 + 3)
})

test('a size above the limit is refused after seven octets, whatever it says', () => {
  refuses(Uint8Array.of(3, 0, 1, 0xff, 0xff, 0xff, 0xff), 501, 8 + 3)
  refuses(Uint8Array.of(3, 0, 1, 0, 0, 0x0f, 0xf9), 501, 8 + 3)
  const reader = new FrameReader({ frameMax: frameMinSize })
  reader.push(Uint8Array.of(3, 0, 1, 0, 0, 0x0f, 0xf8), () => {})
  equal(reader.stopped, false)
})

test('a large frame in pieces takes no more memory than has come', () => {
  const before = process.memoryUsage().arrayBuffers
  const readers = Array.from({ length: 100 }, () => new FrameReader({ frameMax: 2 ** 30 }))
  for (const reader of readers) reader.push(Uint8Array.of(3, 0, 1, 0x3f, 0, 0, 0, 1), () => {})
  ok(process.memoryUsage().arrayBuffers - before < 1_000_000)
  equal(readers.length, 100)
})

test('the limit can be raised from the callback, and holds from the next frame on', () => {
  const writer = new ByteWriter()
  writeMethodFrame(writer, 0, ConnectionTuneOk, { channelMax: 1, frameMax: 8192, heartbeat: 0 })
  writer.raw(frame(frameBody, 1, new Uint8Array(8000)))
  const sizes: number[] = []
  const reader = new FrameReader({ frameMax: frameMinSize })
  reader.push(writer.take(), (_type, _channel, payload) => {
    sizes.push(payload.length)
    reader.frameMax = 8192
  })
  deepEqual(sizes, [12, 8000])
})

test('after stop nothing is called, not even for the octets at hand', () => {
  const writer = new ByteWriter()
  for (let tag = 1; tag <= 3; tag++) {
    writeMethodFrame(writer, 1, BasicAck, { deliveryTag: tag, multiple: false })
  }
  let count = 0
  const reader = new FrameReader({ frameMax: frameMinSize })
  reader.push(writer.take(), () => {
    if (++count === 2) reader.stop()
  })
  reader.push(writer.take(), () => count++)
  equal(count, 2)
})

test('an error of the callback passes through, and stops the reader', () => {
  const bytes = frame(frameMethod, 1, new Uint8Array(4))
  const reader = new FrameReader({ frameMax: frameMinSize })
  throws(() => {
    reader.push(bytes, () => {
      throw new RangeError('mine')
    })
  }, RangeError)
  reader.push(bytes, () => ok(false))
})
