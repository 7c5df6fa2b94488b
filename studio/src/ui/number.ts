/**
 * Numbers as people read them. Written by hand, because the first `Intl.NumberFormat` of a page
 * takes 10 to 40 ms: it reads the tables of all locales before it writes one comma.
 */

/** `12,345`: a whole number with its thousands apart. */
export function whole(value: number): string {
  const digits = Math.round(value).toString()
  return digits.replace(/\B(?=(?:\d{3})+$)/g, ',')
}

const steps = ['', 'K', 'M', 'B', 'T'] as const

/** `1.2M`: one digit after the point below a hundred, none above. */
export function compact(value: number): string {
  let step = 0
  let shown = Math.abs(value)
  // What would be rounded up to a thousand is one of the next unit.
  while (shown >= 999.5 && step < steps.length - 1) {
    shown /= 1000
    step++
  }
  const text = shown < 100 ? shown.toFixed(1).replace(/\.0$/, '') : whole(shown)
  return `${value < 0 ? '-' : ''}${text}${steps[step]}`
}
