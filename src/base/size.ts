/** Sizes in bytes as people write them: `64MiB`, `1GB`, `512`. `k` is 1000, `Ki` is 1024. */

const units: { readonly [unit: string]: number } = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  m: 1e6,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
  t: 1e12,
  tb: 1e12,
  ki: 2 ** 10,
  kib: 2 ** 10,
  mi: 2 ** 20,
  mib: 2 ** 20,
  gi: 2 ** 30,
  gib: 2 ** 30,
  ti: 2 ** 40,
  tib: 2 ** 40,
}

/**
 * Bytes, or undefined when `text` is not a size.
 *
 *     parseSize('64MiB') // 67108864
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text)
  if (match === null) return undefined
  const unit = match[2]!.toLowerCase()
  if (!Object.hasOwn(units, unit)) return undefined
  const bytes = Math.round(Number(match[1]) * units[unit]!)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/**
 * For people: three significant digits at most, in binary units.
 *
 *     printSize(67108864) // '64 MiB'
 */
export function printSize(bytes: number): string {
  let value = bytes
  let unit = 'B'
  for (const larger of ['KiB', 'MiB', 'GiB', 'TiB']) {
    if (value < 1024) break
    value /= 1024
    unit = larger
  }
  const digits = unit === 'B' || value >= 100 ? 0 : value >= 10 ? 1 : 2
  return `${Number(value.toFixed(digits))} ${unit}`
}
