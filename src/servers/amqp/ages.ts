/** Lengths of time as stream arguments have them: a number and a unit, `90s`, `7D`. */

const hourMs = 3_600_000
const units: { readonly [unit: string]: number } = {
  Y: 365 * 24 * hourMs,
  M: 30 * 24 * hourMs,
  D: 24 * hourMs,
  h: hourMs,
  m: 60_000,
  s: 1000,
}

/** Milliseconds, or undefined for what is no length of time. */
export function ageOf(text: string): number | undefined {
  const parts = /^(\d+)([YMDhms])$/.exec(text)
  const count = Number(parts?.[1])
  return parts === null || count === 0 ? undefined : count * units[parts[2]!]!
}
