/**
 * Finds frames in a stream of bytes and allocates nothing for them. Only what a load generator must
 * know is read: the type, and of methods the class and the method.
 */

/** A frame lies at [start, end) of `bytes`, which are borrowed until the call returns. */
export type OnFrame = (bytes: Buffer, start: number, end: number) => void

export function frameScanner(onFrame: OnFrame): (chunk: Buffer) => void {
  let rest: Buffer | undefined
  return chunk => {
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    while (bytes.length - start >= 8) {
      const end = start + bytes.readUInt32BE(start + 3) + 8
      if (end > bytes.length) break
      onFrame(bytes, start, end)
      start = end
    }
    rest = start === bytes.length ? undefined : Buffer.from(bytes.subarray(start))
  }
}

/** Class and method as one number; 0 for a frame that is not a method. */
export function methodAt(bytes: Buffer, start: number): number {
  return bytes[start] === 1 ? bytes.readUInt32BE(start + 7) : 0
}

export const method = {
  channelClose: (20 << 16) | 40,
  connectionClose: (10 << 16) | 50,
  queueDeclareOk: (50 << 16) | 11,
  basicDeliver: (60 << 16) | 60,
  basicAck: (60 << 16) | 80,
  basicNack: (60 << 16) | 120,
} as const

/** Throws when the broker has closed the channel or the connection: a benchmark has no errors. */
export function refuseClose(bytes: Buffer, start: number, end: number, id: number): void {
  if (id !== method.channelClose && id !== method.connectionClose) return
  throw new Error(`the broker closed: ${bytes.toString('utf8', start + 14, end - 5)}`)
}

/** A 64-bit number that is known to be small. */
export function readTag(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}
