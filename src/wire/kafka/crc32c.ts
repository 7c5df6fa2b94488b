/**
 * CRC-32C (Castagnoli, RFC 3720; reflected polynomial 0x82F63B78), sixteen bytes at a time
 * ("slicing by 16"). `tables[k * 256 + b]` is the effect of byte `b` with `k` bytes still to
 * follow.
 */

const tables = makeTables()

function makeTables(): Int32Array {
  const table = new Int32Array(16 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f6_3b78 : value >>> 1
    table[byte] = value
  }
  for (let index = 256; index < table.length; index++) {
    const before = table[index - 256]!
    table[index] = (before >>> 8) ^ table[before & 0xff]!
  }
  return table
}

/**
 * The checksum of `bytes` from `start` to `end`.
 *
 *     crc32c(encodeUtf8('123456789')) // 0xe3069283
 */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const table = tables
  let crc = -1
  let at = start
  for (const last = end - 15; at < last; at += 16) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      table[3840 + (crc & 0xff)]! ^
      table[3584 + ((crc >>> 8) & 0xff)]! ^
      table[3328 + ((crc >>> 16) & 0xff)]! ^
      table[3072 + (crc >>> 24)]! ^
      table[2816 + bytes[at + 4]!]! ^
      table[2560 + bytes[at + 5]!]! ^
      table[2304 + bytes[at + 6]!]! ^
      table[2048 + bytes[at + 7]!]! ^
      table[1792 + bytes[at + 8]!]! ^
      table[1536 + bytes[at + 9]!]! ^
      table[1280 + bytes[at + 10]!]! ^
      table[1024 + bytes[at + 11]!]! ^
      table[768 + bytes[at + 12]!]! ^
      table[512 + bytes[at + 13]!]! ^
      table[256 + bytes[at + 14]!]! ^
      table[bytes[at + 15]!]!
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 0xff]!
  return ~crc >>> 0
}
