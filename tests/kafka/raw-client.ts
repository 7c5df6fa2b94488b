/**
 * A client that says exactly what it is told, in the version that it is told: for what no client
 * library lets one say. Its bytes come from the tables, which `tests/wire` proves.
 */

import { connect, type Socket } from 'node:net'
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts'
import type { Api } from '../../src/wire/kafka/message.ts'
import { ApiVersions } from '../../src/wire/kafka/messages/cluster.ts'
import { deferred, within } from '../harness/wait.ts'

/** A request with as much of it as a test cares for. */
export type Given<T> = T extends Uint8Array | string | number | boolean | null
  ? T
  : T extends readonly (infer Element)[]
    ? readonly Given<Element>[]
    : { readonly [Name in keyof T]?: Given<T[Name]> | undefined }

export class RawClient {
  readonly #socket: Socket
  readonly closed: Promise<void>
  #received = Buffer.alloc(0)
  #wake: (() => void) | undefined
  #isClosed = false
  #correlation = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    const closed = deferred<void>()
    this.closed = closed.promise
    socket.on('data', bytes => {
      this.#received = Buffer.concat([this.#received, bytes])
      this.#wake?.()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#isClosed = true
      closed.resolve()
      this.#wake?.()
    })
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port })
    const connected = deferred<void>()
    socket.once('connect', () => connected.resolve())
    socket.once('error', error => connected.reject(error))
    await within('a connection', connected.promise)
    return new RawClient(socket)
  }

  /** Sends a request and reads its answer. Fields that are not given are their defaults. */
  async ask<Req, Res>(api: Api<Req, Res>, version: number, request: Given<Req>): Promise<Res> {
    this.tell(api, version, request)
    return await this.answer(api, version)
  }

  tell<Req, Res>(api: Api<Req, Res>, version: number, request: Given<Req>): void {
    const writer = new ByteWriter()
    writer.u32(0)
    writer.u16(api.key)
    writer.u16(version)
    writer.u32(++this.#correlation)
    writer.u16(0xffff)
    if (api.isFlexible(version)) writer.u8(0)
    api.request(version).encode(writer, request)
    writer.view.setUint32(0, writer.end - 4)
    this.write(writer.take())
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  async answer<Req, Res>(api: Api<Req, Res>, version: number): Promise<Res> {
    const reader = new ByteReader(await this.frame())
    reader.u32()
    if (api.isFlexible(version) && api.key !== ApiVersions.key) reader.u8()
    return api.response(version).decode(reader) as Res
  }

  /** The next whole frame, without its size. */
  async frame(): Promise<Uint8Array> {
    for (;;) {
      const size = this.#received.length < 4 ? Infinity : this.#received.readUInt32BE(0)
      if (this.#received.length >= 4 + size) {
        const frame = this.#received.subarray(4, 4 + size)
        this.#received = this.#received.subarray(4 + size)
        return frame
      }
      if (this.#isClosed) throw new Error('the broker has closed the connection')
      const more = deferred<void>()
      this.#wake = () => more.resolve()
      await within('an answer', more.promise)
    }
  }

  end(): void {
    this.#socket.destroy()
  }
}
