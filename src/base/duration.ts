/** Durations as people write them: `500ms`, `30s`, `5m`, `12h`, `7d`, or several: `1h30m`. */

const units: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
]

/**
 * Milliseconds, or undefined when `text` is not a duration. A number without a unit is none, except
 * 0: it would be read as seconds by one and as milliseconds by another.
 *
 *     parseDuration('1h30m') // 5400000
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined
  let total = 0
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(count) * (units.find(known => known[0] === unit)?.[1] ?? 0)
  }
  return Number.isSafeInteger(Math.round(total)) ? Math.round(total) : undefined
}

/**
 * The shortest exact form that `parseDuration` reads back.
 *
 *     printDuration(5400000) // '1h30m'
 */
export function printDuration(ms: number): string {
  let left = Math.round(ms)
  let text = ''
  for (const [unit, size] of units) {
    const count = Math.floor(left / size)
    if (count > 0) text += `${count}${unit}`
    left -= count * size
  }
  return text === '' ? '0' : text
}
