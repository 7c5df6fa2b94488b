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
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let crc = -1
  let at = start
  // Four loads of a word in place of sixteen of a byte: about a quarter faster over 128 KB.
  for (const last = end - 15; at < last; at += 16) {
    crc ^= view.getInt32(at, true)
    const second = view.getInt32(at + 4, true)
    const third = view.getInt32(at + 8, true)
    const fourth = view.getInt32(at + 12, true)
    crc =
      table[3840 + (crc & 0xff)]! ^
      table[3584 + ((crc >>> 8) & 0xff)]! ^
      table[3328 + ((crc >>> 16) & 0xff)]! ^
      table[3072 + (crc >>> 24)]! ^
      table[2816 + (second & 0xff)]! ^
      table[2560 + ((second >>> 8) & 0xff)]! ^
      table[2304 + ((second >>> 16) & 0xff)]! ^
      table[2048 + (second >>> 24)]! ^
      table[1792 + (third & 0xff)]! ^
      table[1536 + ((third >>> 8) & 0xff)]! ^
      table[1280 + ((third >>> 16) & 0xff)]! ^
      table[1024 + (third >>> 24)]! ^
      table[768 + (fourth & 0xff)]! ^
      table[512 + ((fourth >>> 8) & 0xff)]! ^
      table[256 + ((fourth >>> 16) & 0xff)]! ^
      table[fourth >>> 24]!
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 0xff]!
  return ~crc >>> 0
}
