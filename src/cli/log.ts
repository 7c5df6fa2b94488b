/**
 * The broker's log, on standard error: one line per event, never a message's body. Pretty lines for
 * people are made here; JSON comes from pino, which is loaded only when it was asked for.
 *
 * A line that repeats within a second (the same message) is counted instead of printed.
 */

import { type LogLevel, logLevels } from './option.ts'

export type LogFields = { readonly [name: string]: string | number | boolean | undefined }

export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

type Level = Exclude<LogLevel, 'silent'>
type Write = (level: Level, message: string, fields: LogFields) => void

export interface LogOptions {
  readonly level: LogLevel
  readonly format: 'pretty' | 'json'
  /** Wall clock, milliseconds. */
  readonly now: () => number
  readonly write: (line: string) => void
}

export async function createLog(options: LogOptions): Promise<Log> {
  const write = options.format === 'json' ? await jsonWriter(options) : prettyWriter(options)
  const lowest = logLevels.indexOf(options.level)
  const limited = limitRepeats(write, options.now)
  const at = (level: Level) => {
    if (logLevels.indexOf(level) < lowest) return () => {}
    return (message: string, fields: LogFields = {}) => limited(level, message, fields)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

const repeatMs = 1000
const repeatsMax = 1000

/** The first line of a kind passes; those of the next second are summed up by the one after. */
export function limitRepeats(write: Write, now: () => number): Write {
  const recent = new Map<string, { since: number; count: number }>()
  return (level, message, fields) => {
    const time = now()
    const known = recent.get(message)
    if (known !== undefined && time - known.since < repeatMs && time >= known.since) {
      known.count++
      return
    }
    if (recent.size >= repeatsMax) recent.clear()
    recent.set(message, { since: time, count: 0 })
    const repeated = known === undefined || known.count === 0 ? {} : { repeated: known.count }
    write(level, message, { ...fields, ...repeated })
  }
}

function prettyWriter({ now, write }: LogOptions): Write {
  return (level, message, fields) => {
    const time = new Date(now()).toISOString().slice(11, 23)
    const pairs = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => ` ${name}=${quoted(String(value))}`)
    write(`${time} ${level.padEnd(5)} ${message}${pairs.join('')}`)
  }
}

function quoted(value: string): string {
  return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value)
}

async function jsonWriter({ level, write }: LogOptions): Promise<Write> {
  const { pino } = await import('pino')
  const options = {
    level,
    base: null,
    messageKey: 'message',
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  const logger = pino(options, { write: (line: string) => write(line.trimEnd()) })
  return (at, message, fields) => logger[at](fields, message)
}
