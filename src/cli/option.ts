/**
 * What an option of the command is, and the kinds of values that several have: texts, switches,
 * ports, durations, moments, numbers.
 */

import { parseDuration, printDuration } from '../base/duration.ts'
import { parseSize } from '../base/size.ts'
import type { Durability } from '../engine/engine.ts'

export const commandNames = [
  'serve',
  'studio',
  'queues',
  'peek',
  'send',
  'consume',
  'tail',
  'redrive',
  'replay',
  'move',
  'export',
  'import',
  'plan',
  'bench',
  'compare',
  'doctor',
  'config',
  'users',
  'completion',
] as const
export type CommandName = (typeof commandNames)[number]

/** A port, or not served at all. */
export type PortSetting = number | 'off'

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export interface Option<T> {
  /** `switch` takes no value; `port` may be given without one: then it is the default. */
  readonly kind: 'switch' | 'value' | 'port'
  readonly short?: string
  readonly placeholder?: string
  readonly fallback: T
  /** What a port is that is given without one; default: the fallback. */
  readonly bare?: T
  /** Undefined for a text that means nothing. */
  readonly parse: (text: string) => T | undefined
  /** The form that `parse` reads back; default: as it is. */
  print?(value: T & {}): string
  /** What a wrong value is answered with: “expects …”. */
  readonly expects: string
  readonly help: string
  readonly commands: readonly CommandName[] | 'all'
  /** Only as a flag: it makes no sense to set it for good. */
  readonly flagOnly?: true
}

export const text = { kind: 'value', parse: (value: string) => value, expects: 'a text' } as const
export const off = {
  kind: 'switch',
  fallback: false,
  parse: parseSwitch,
  expects: 'true or false',
} as const
export const port = {
  kind: 'port',
  placeholder: 'PORT|off',
  parse: parsePort,
  expects: 'a port (0 = any free one) or off',
} as const
export const duration = {
  kind: 'value',
  placeholder: 'DURATION',
  parse: parseDuration,
  print: printDuration,
  expects: 'a duration such as 30s',
} as const
export const moment = {
  kind: 'value',
  placeholder: 'TIME',
  parse: parseMoment,
  expects: 'a time such as 2026-11-01T08:00Z, or how long ago, such as 2h',
} as const

function parseSwitch(value: string): boolean | undefined {
  if (['true', '1', 'yes', 'on'].includes(value)) return true
  if (['false', '0', 'no', 'off'].includes(value)) return false
  return undefined
}

/** A moment, or how long ago it was, as wall-clock milliseconds. */
function parseMoment(value: string): number | undefined {
  const ago = parseDuration(value)
  if (ago !== undefined) return Date.now() - ago
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : at
}

export function parseInteger(value: string, least: number, most: number): number | undefined {
  if (!/^\d+$/.test(value)) return undefined
  const number = Number(value)
  return number >= least && number <= most ? number : undefined
}

export function parsePort(value: string): PortSetting | undefined {
  return value === 'off' ? 'off' : parseInteger(value, 0, 65_535)
}

export function parseDurability(value: string): Durability | undefined {
  if (value === 'always' || value === 'os' || value === 'memory') return { kind: value }
  const ms = /^interval:(\d+)(?:ms)?$/.exec(value)?.[1]
  return ms === undefined || Number(ms) < 1 ? undefined : { kind: 'interval', ms: Number(ms) }
}

export function printDurability(durability: Durability): string {
  return durability.kind === 'interval' ? `interval:${durability.ms}` : durability.kind
}

/** On a disk that is full to the last byte not even an acknowledgement could be written. */
export function parseReserve(text: string): number | undefined {
  const bytes = parseSize(text)
  return bytes === undefined || bytes < 1_000_000 ? undefined : bytes
}
