/**
 * The hint of a closed journal file: which records it holds, so that a restart need not read it.
 *
 *     hint = "SPWYHINT" version:u32 number:u32 crc:u32 length:u32 run*       crc is over the runs
 *     run  = log:u32 count:u32 gaps:u32 zero:u32 first:f64
 *            offset:u32*count length:u32*count body:u32*count [distance:u32*count when gaps=1]
 *            padding to 8 bytes
 *
 * A hint can always be made again from its file; a damaged or missing one costs time, no data.
 */

const magic = 'SPWYHINT'
const headerBytes = 24
const runHeaderBytes = 24
/** Position, offset, length, body. */
const rowWidth = 4

/** Records of one log in one file, in the order of positions. Arrays are parallel. */
export interface HintRun {
  readonly log: number
  readonly positions: Float64Array
  readonly offsets: Uint32Array
  readonly lengths: Uint32Array
  readonly bodies: Uint32Array
}

/** Collects one log's records; they need not come in the order of positions. */
export class HintBuilder {
  readonly #log: number
  #rows = new Float64Array(64 * rowWidth)
  #count = 0
  #ordered = true

  constructor(log: number) {
    this.#log = log
  }

  add(position: number, offset: number, length: number, body: number): void {
    const at = this.#count * rowWidth
    if (at === this.#rows.length) {
      const rows = new Float64Array(this.#rows.length * 2)
      rows.set(this.#rows)
      this.#rows = rows
    }
    if (at > 0 && this.#rows[at - rowWidth]! >= position) this.#ordered = false
    this.#rows[at] = position
    this.#rows[at + 1] = offset
    this.#rows[at + 2] = length
    this.#rows[at + 3] = body
    this.#count++
  }

  finish(): HintRun {
    const count = this.#count
    const rows = this.#rows
    const run = {
      log: this.#log,
      positions: new Float64Array(count),
      offsets: new Uint32Array(count),
      lengths: new Uint32Array(count),
      bodies: new Uint32Array(count),
    }
    const order = this.#ordered ? undefined : this.#order()
    for (let index = 0; index < count; index++) {
      const at = (order?.[index] ?? index) * rowWidth
      run.positions[index] = rows[at]!
      run.offsets[index] = rows[at + 1]!
      run.lengths[index] = rows[at + 2]!
      run.bodies[index] = rows[at + 3]!
    }
    return run
  }

  #order(): Uint32Array {
    const rows = this.#rows
    const order = Uint32Array.from({ length: this.#count }, (_, index) => index)
    return order.sort((left, right) => rows[left * rowWidth]! - rows[right * rowWidth]!)
  }
}

export function encodeHint(
  number: number,
  runs: readonly HintRun[],
  version: number,
  crc32: (bytes: Uint8Array) => number,
): Uint8Array {
  let size = headerBytes
  for (const run of runs) size += runBytes(run.positions.length, hasGaps(run.positions))
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  for (let index = 0; index < magic.length; index++) bytes[index] = magic.charCodeAt(index)
  view.setUint32(8, version, true)
  view.setUint32(12, number, true)
  view.setUint32(20, size - headerBytes, true)
  let at = headerBytes
  for (const run of runs) at = encodeRun(bytes, view, at, run)
  view.setUint32(16, crc32(bytes.subarray(headerBytes)), true)
  return bytes
}

/** The runs, or undefined when the bytes are not a whole hint of that file. */
export function decodeHint(
  bytes: Uint8Array,
  number: number,
  version: number,
  crc32: (bytes: Uint8Array) => number,
): HintRun[] | undefined {
  if (bytes.length < headerBytes) return undefined
  for (let index = 0; index < magic.length; index++) {
    if (bytes[index] !== magic.charCodeAt(index)) return undefined
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(8, true) !== version || view.getUint32(12, true) !== number) return undefined
  if (view.getUint32(20, true) !== bytes.length - headerBytes) return undefined
  if (view.getUint32(16, true) !== crc32(bytes.subarray(headerBytes))) return undefined
  const runs: HintRun[] = []
  for (let at = headerBytes; at < bytes.length; ) at = decodeRun(bytes, view, at, runs)
  return runs
}

function hasGaps(positions: Float64Array): boolean {
  return positions.length > 0 && positions.at(-1)! - positions[0]! !== positions.length - 1
}

function runBytes(count: number, gaps: boolean): number {
  const bytes = runHeaderBytes + count * (gaps ? 16 : 12)
  return (bytes + 7) & ~7
}

function encodeRun(bytes: Uint8Array, view: DataView, start: number, run: HintRun): number {
  const count = run.positions.length
  const gaps = hasGaps(run.positions)
  view.setUint32(start, run.log, true)
  view.setUint32(start + 4, count, true)
  view.setUint32(start + 8, gaps ? 1 : 0, true)
  view.setFloat64(start + 16, run.positions[0] ?? 0, true)
  let at = start + runHeaderBytes
  for (const column of [run.offsets, run.lengths, run.bodies]) {
    bytes.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), at)
    at += column.byteLength
  }
  if (gaps) {
    const first = run.positions[0]!
    for (const position of run.positions) {
      view.setUint32(at, position - first, true)
      at += 4
    }
  }
  return start + runBytes(count, gaps)
}

function decodeRun(bytes: Uint8Array, view: DataView, start: number, runs: HintRun[]): number {
  const count = view.getUint32(start + 4, true)
  const gaps = view.getUint32(start + 8, true) === 1
  const first = view.getFloat64(start + 16, true)
  let at = start + runHeaderBytes
  const column = () => {
    const copy = bytes.slice(at, at + count * 4)
    at += count * 4
    return new Uint32Array(copy.buffer)
  }
  const offsets = column()
  const lengths = column()
  const bodies = column()
  const positions = new Float64Array(count)
  for (let index = 0; index < count; index++) {
    positions[index] = first + (gaps ? view.getUint32(at + index * 4, true) : index)
  }
  runs.push({ log: view.getUint32(start, true), positions, offsets, lengths, bodies })
  return start + runBytes(count, gaps)
}
