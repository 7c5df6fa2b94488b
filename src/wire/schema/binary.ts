/**
 * The table language of the binary protocols. A message is a record of named types; from that one
 * value come its decoder, its encoder, its static type, samples for tests and a description of its
 * shape. The types themselves belong to each protocol's folder.
 *
 * ```ts
 * const point = { x: octet, y: octet }          // Fields
 * type Point = ValueOf<typeof point>            // { readonly x: number, readonly y: number }
 * ```
 */

import type { ByteReader, ByteWriter } from '../../base/bytes.ts'
import type { SeededRandom } from '../../base/random.ts'

/** What a type looks like on the wire, as plain data: for pages, inspector and spec check. */
export interface Shape {
  /** The name that the protocol's specification uses, such as `shortstr`. */
  readonly name: string
  /** Octets on the wire; 0 when it depends on the value; a bit counts as 1/8. */
  readonly size: number
}

/** One kind of field. `decode` and `encode` mirror each other. */
export interface Type<T> {
  readonly shape: Shape
  /** What is sent for a reserved field, for which the caller gives no value. */
  readonly zero: T
  /** Throws `ShortInput` or `WireError`. Views in the result are borrowed from the reader. */
  decode(reader: ByteReader): T
  encode(writer: ByteWriter, value: T): void
  /** An arbitrary valid value, as `decode` would return it. */
  sample(random: SeededRandom): T
}

export interface Fields {
  readonly [name: string]: Type<unknown>
}

type Decoded<F> = F extends { decode(reader: ByteReader): infer T } ? T : never

/** The value of a table's fields. A field named `reserved…` may be left out: its zero is sent. */
export type ValueOf<F> = {
  readonly [Name in keyof F as Name extends Reserved ? never : Name]: Decoded<F[Name]>
} & {
  readonly [Name in keyof F as Name extends Reserved ? Name : never]?: Decoded<F[Name]> | undefined
}

type Reserved = `reserved${string}`

/** The value that a table decodes to: `type BasicAck = Infer<typeof BasicAck>`. */
export type Infer<Table> = Decoded<Table>
