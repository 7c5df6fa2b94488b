/** What somebody may have meant who wrote a name that does not exist. */

/** ` Did you mean x?` when something is near enough, with a leading space. */
export function suggest(wrong: string, known: readonly string[]): string {
  let best: string | undefined
  let bestDistance = 3
  for (const name of known) {
    const distance = editDistance(wrong, name)
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best === undefined ? '' : ` Did you mean ${best}?`
}

function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const change = left[row - 1] === right[column - 1] ? 0 : 1
      const [above, beside, across] = [
        previous[column]!,
        current[column - 1]!,
        previous[column - 1]!,
      ]
      current.push(Math.min(above + 1, beside + 1, across + change))
    }
    previous = current
  }
  return previous[right.length]!
}
