/** Patterns for keys and channels, as Redis reads them. */

/** Redis' glob: `*`, `?`, `[a-z]`, `[^a]`, and a backslash before a sign that means itself. */
export function matches(pattern: string, text: string, p = 0, t = 0): boolean {
  let [at, to] = [p, t]
  while (at < pattern.length) {
    const sign = pattern[at]!
    if (sign === '*') {
      while (pattern[at + 1] === '*') at++
      if (at + 1 === pattern.length) return true
      for (let from = to; from <= text.length; from++) {
        if (matches(pattern, text, at + 1, from)) return true
      }
      return false
    }
    if (to >= text.length) return false
    if (sign === '[') {
      const set = setAt(pattern, at + 1, text.charCodeAt(to))
      if (!set.matched) return false
      at = set.end
    } else if (sign !== '?') {
      if (sign === '\\' && at + 1 < pattern.length) at++
      if (pattern[at] !== text[to]) return false
    }
    at++
    to++
  }
  return to === text.length
}

function setAt(pattern: string, start: number, code: number): { matched: boolean; end: number } {
  let at = start
  const negated = pattern[at] === '^'
  if (negated) at++
  let matched = false
  for (; at < pattern.length && pattern[at] !== ']'; at++) {
    if (pattern[at] === '\\' && at + 1 < pattern.length) at++
    let low = pattern.charCodeAt(at)
    let high = low
    if (pattern[at + 1] === '-' && at + 2 < pattern.length) {
      high = pattern.charCodeAt(at + 2)
      at += 2
    }
    if (low > high) [low, high] = [high, low]
    if (code >= low && code <= high) matched = true
  }
  return { matched: matched !== negated, end: at }
}
