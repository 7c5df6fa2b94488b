/** Differences and errors in words that a person can begin with. */

/** The first line that differs, and where it is; undefined: none does. */
export function differenceOf(
  lines: readonly string[],
  model: readonly string[],
): string | undefined {
  for (let index = 0; index < Math.max(lines.length, model.length); index++) {
    if (lines[index] === model[index]) continue
    const owner = lines.slice(0, index + 1).findLast(line => line.startsWith('log '))
    const where = owner === undefined ? '' : `in ${owner.split(' ')[1]}, `
    return `${where}the engine has\n      ${lines[index]}\n    and the model\n      ${model[index]}`
  }
  return undefined
}

/** How far apart two pictures are; only to choose the nearest of several. */
export function distanceOf(lines: readonly string[], model: readonly string[]): number {
  const known = new Set(model)
  return lines.filter(line => !known.has(line)).length + Math.abs(lines.length - model.length)
}

/** An error and what caused it, in one line. */
export function causesOf(error: unknown): string {
  let text = ''
  for (let at = error; at instanceof Error; at = at.cause) text += `${at.name}: ${at.message} ← `
  return text
}
