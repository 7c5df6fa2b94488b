/**
 * What a record says in the words that all protocols have, for a server that hands out what another
 * one has taken in. Who knows every encoding (the composition root) gives a server the reader.
 */

import type { StoredRecord } from '../engine/model.ts'

export type PlainValue = string | Uint8Array

export interface PlainRecord {
  /** How many positions behind the stored record's own it lies: a stored record may be several. */
  readonly offset: number
  /** Wall-clock milliseconds. */
  readonly time: number
  /** What its sender called it, or what its protocol did. */
  readonly id: string | undefined
  readonly key: Uint8Array | undefined
  /** Attributes, headers or fields, in their order; bytes where a text is not promised. */
  readonly headers: readonly (readonly [name: string, value: PlainValue])[]
  /** Of the body, where it was made by the reader. */
  readonly contentType: string | undefined
  readonly body: Uint8Array
}

/** Undefined when it cannot be read: then there is only the body. Never throws. */
export type ReadPlain = (record: StoredRecord) => readonly PlainRecord[] | undefined
