/** Numbers, sizes and times as people read them. */

import { compact, whole } from '../ui/number.ts'

/** Exact up to 99,999, then short: `1.2M`. */
export function count(value: number): string {
  return value < 100_000 ? whole(value) : compact(value)
}

export function rate(value: number): string {
  if (value < 0.05) return '0'
  if (value < 10) return value.toFixed(1)
  return count(value)
}

const units = ['B', 'kB', 'MB', 'GB', 'TB']

export function size(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 100 ? whole(value) : value.toFixed(1)} ${units[unit]}`
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  const seconds = ms / 1000
  if (seconds < 100) return `${Math.round(seconds)} s`
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} d`
}

export function age(time: number | null): string {
  return time === null ? '–' : duration(Date.now() - time)
}

export function clock(time: number): string {
  return new Date(time).toISOString().replace('T', ' ').replace('Z', '')
}

/** A name for people: control characters are shown as what they are. */
export function shownName(name: string): string {
  return name.replaceAll('\u0000', '␀') || '(no name)'
}

export function queueHref(name: string): string {
  return `/operate/queues/${encodeURIComponent(name)}`
}

export function queueApi(name: string, rest = ''): string {
  return `/api/queues/${encodeURIComponent(name)}${rest}`
}
