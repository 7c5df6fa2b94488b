/**
 * A table: a named map from text to bytes, held in memory and journaled change by change. Servers
 * keep in it what a protocol must remember besides records: places, counters, credentials, values.
 * Everything here is `apply`.
 */

/** Binary fields are given as text with one character a byte. */
export type TableChange = readonly [field: string, value: Uint8Array | undefined]

export class Table {
  readonly name: string
  readonly durable: boolean
  readonly entries = new Map<string, Uint8Array>()
  /** Sum of the lengths of all fields and values. */
  bytes = 0

  constructor(name: string, durable: boolean) {
    this.name = name
    this.durable = durable
  }

  /** `value` undefined: the field goes. The value is kept, not copied. */
  put(field: string, value: Uint8Array | undefined): void {
    const before = this.entries.get(field)
    if (before !== undefined) this.bytes -= field.length + before.length
    if (value === undefined) {
      this.entries.delete(field)
      return
    }
    this.entries.set(field, value)
    this.bytes += field.length + value.length
  }
}
