/**
 * What a codec says about bytes that break its format. It is the only exception that a codec throws
 * for anything a peer can send; the server answers it by closing the channel or the connection.
 */

/**
 * A peer's breach of the wire format.
 *
 * `code` is the protocol's own (AMQP: a reply code, see `amqp/reply-codes.ts`). `offset` is where
 * the breach was noticed in the bytes that the codec was given; for a framer, which is given a
 * stream, it counts from the first byte of the connection.
 */
export class WireError extends Error {
  readonly code: number
  readonly offset: number

  constructor(code: number, message: string, offset: number) {
    super(message)
    this.name = 'WireError'
    this.code = code
    this.offset = offset
  }
}
