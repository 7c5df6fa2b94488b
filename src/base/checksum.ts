/**
 * CRC-32 as in IEEE 802.3 and zlib (reflected polynomial 0xEDB88320), eight bytes at a time
 * ("slicing by 8", Kounavis and Berry 2005). `table[k][b]` is the effect of byte `b` with `k` bytes
 * still to follow, so that eight look-ups advance eight bytes. The tables lie in one array.
 */

const tables = makeTables()

function makeTables(): Uint32Array {
  const table = new Uint32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1
    table[byte] = value >>> 0
  }
  for (let index = 256; index < table.length; index++) {
    const before = table[index - 256]!
    table[index] = (before >>> 8) ^ table[before & 0xff]!
  }
  return table
}

/**
 * The checksum of `bytes`; `previous` is the checksum of what came before them.
 *
 *     crc32(encodeUtf8('123456789')) // 0xcbf43926
 */
export function crc32(bytes: Uint8Array, previous = 0): number {
  return crc32Of(bytes, 0, bytes.length, previous)
}

/** The checksum of `bytes` in [start, end), without a view of them. */
export function crc32Of(bytes: Uint8Array, start: number, end: number, previous = 0): number {
  const table = tables
  let crc = ~previous
  let at = start
  for (const last = end - 7; at < last; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      table[1792 + (crc & 0xff)]! ^
      table[1536 + ((crc >>> 8) & 0xff)]! ^
      table[1280 + ((crc >>> 16) & 0xff)]! ^
      table[1024 + (crc >>> 24)]! ^
      table[768 + bytes[at + 4]!]! ^
      table[512 + bytes[at + 5]!]! ^
      table[256 + bytes[at + 6]!]! ^
      table[bytes[at + 7]!]!
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 0xff]!
  return ~crc >>> 0
}
