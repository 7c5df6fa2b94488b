/**
 * How often V8 collects. The journal's memory (256 KiB slabs, never used again) lies outside of
 * V8's heap, but counts for it: with the 13 MB heap of a small broker V8 marked all of it after
 * every 10 MB that were written. Measured with 12,000 produce requests of 16 KB (200 MB): 22 full
 * collections and 335 µs of the processor a request; with this, 5 and 281.
 *
 * It is V8's own setting of how far a heap may grow before the next collection, and it is given up
 * as soon as the heap itself is large, where the same factor would be a lot of memory.
 */

import { getHeapStatistics, setFlagsFromString } from 'node:v8'

/** Above this the factor is V8's own, in bytes of the heap in use. */
const smallHeapBytes = 48 * 1024 * 1024
/** A small heap and what hangs on it may grow by so many percent. */
const growingPercent = 700
const lookMs = 2000

/** Collects less often while the heap is small. Returns how to end it. */
export function easeCollection(): () => void {
  let isEased = false
  const look = (): void => {
    const isSmall = getHeapStatistics().used_heap_size < smallHeapBytes
    if (isSmall === isEased) return
    isEased = isSmall
    setFlagsFromString(`--heap-growing-percent=${isSmall ? growingPercent : 0}`)
  }
  look()
  const timer = setInterval(look, lookMs)
  timer.unref()
  return () => {
    clearInterval(timer)
    if (isEased) setFlagsFromString('--heap-growing-percent=0')
  }
}
