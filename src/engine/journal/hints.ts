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
  #positions = new Float64Array(64)
  #offsets = new Uint32Array(64)
  #lengths = new Uint32Array(64)
  #bodies = new Uint32Array(64)
  #count = 0
  #ordered = true

  constructor(log: number) {
    this.#log = log
  }

  add(position: number, offset: number, length: number, body: number): void {
    const at = this.#count
    if (at === this.#positions.length) this.#grow()
    if (at > 0 && this.#positions[at - 1]! >= position) this.#ordered = false
    this.#positions[at] = position
    this.#offsets[at] = offset
    this.#lengths[at] = length
    this.#bodies[at] = body
    this.#count++
  }

  finish(): HintRun {
    const count = this.#count
    const run = {
      log: this.#log,
      positions: this.#positions.subarray(0, count),
      offsets: this.#offsets.subarray(0, count),
      lengths: this.#lengths.subarray(0, count),
      bodies: this.#bodies.subarray(0, count),
    }
    return this.#ordered ? run : inOrder(run)
  }

  #grow(): void {
    const capacity = this.#positions.length * 2
    const positions = new Float64Array(capacity)
    positions.set(this.#positions)
    this.#positions = positions
    this.#offsets = grown(this.#offsets, capacity)
    this.#lengths = grown(this.#lengths, capacity)
    this.#bodies = grown(this.#bodies, capacity)
  }
}

function grown(column: Uint32Array, capacity: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(capacity)
  larger.set(column)
  return larger
}

function inOrder(run: HintRun): HintRun {
  const { log, positions } = run
  const order = Uint32Array.from({ length: positions.length }, (_, index) => index)
  order.sort((left, right) => positions[left]! - positions[right]!)
  const sorted = (column: Uint32Array) => Uint32Array.from(order, index => column[index]!)
  return {
    log,
    positions: Float64Array.from(order, index => positions[index]!),
    offsets: sorted(run.offsets),
    lengths: sorted(run.lengths),
    bodies: sorted(run.bodies),
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
