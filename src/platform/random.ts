/** The engine's randomness on the real machine: the operating system's, taken in blocks. */

import { randomFillSync } from 'node:crypto'
import type { Random } from '../engine/ports.ts'

const block = new Uint32Array(256)
let used = block.length

export const systemRandom: Random = {
  uint32: () => {
    if (used === block.length) {
      randomFillSync(block)
      used = 0
    }
    const value = block[used]!
    // What has been given out must not be found in memory later.
    block[used++] = 0
    return value
  },
}
