/**
 * What this server must remember besides records, in the engine's tables: text → JSON. A table is
 * made when something is first put into it.
 */

import { decodeUtf8, encodeUtf8 } from '../../base/bytes.ts'
import type { EngineDoor } from '../../engine/engine.ts'

export class Memory<T> {
  readonly #engine: EngineDoor
  readonly #table: string

  constructor(engine: EngineDoor, name: string) {
    this.#engine = engine
    this.#table = `kafka.${name}`
  }

  get(field: string): T | undefined {
    const bytes = this.#engine.table(this.#table)?.get(field)
    return bytes === undefined ? undefined : JSON.parse(decodeUtf8(bytes))
  }

  *entries(): Generator<[field: string, value: T]> {
    for (const [field, bytes] of this.#engine.table(this.#table) ?? []) {
      yield [field, JSON.parse(decodeUtf8(bytes))]
    }
  }

  /** Undefined values are taken out. All changes are one effect. */
  put(...changes: readonly (readonly [field: string, value: T | undefined])[]): void {
    if (changes.length === 0) return
    if (this.#engine.table(this.#table) === undefined) this.#engine.createTable(this.#table)
    this.#engine.put(
      this.#table,
      changes.map(([field, value]) => [
        field,
        value === undefined ? undefined : encodeUtf8(JSON.stringify(value)),
      ]),
    )
  }
}
