/**
 * Every option of the command: one table declares its flag, variable, key in the configuration
 * file, default and help, and everything else is derived from it. The key `portOffset` is the flag
 * `--port-offset`, the variable `SPILLWAY_PORT_OFFSET`, and `portOffset` in `spillway.config.json`.
 *
 * Precedence: flag, variable, file, default.
 */

import { parseArgs } from 'node:util'
import { brokerOptions } from './broker-options.ts'
import { clientOptions } from './client-options.ts'
import { usageFailure } from './failure.ts'
import { type Option, off, parsePort, text } from './option.ts'
import { suggest } from './suggestion.ts'

const commonOptions = {
  config: {
    ...text,
    placeholder: 'FILE',
    fallback: undefined as string | undefined,
    help: 'default: spillway.config.json or .js in this folder, if there is one',
    commands: 'all',
  },
  json: { ...off, help: 'NDJSON on standard output', commands: 'all' },
  quiet: { ...off, short: 'q', help: 'say nothing but errors', commands: 'all' },
  version: { ...off, short: 'v', help: 'print the version', commands: 'all', flagOnly: true },
  help: { ...off, short: 'h', help: 'print this', commands: 'all', flagOnly: true },
} as const satisfies { readonly [key: string]: Option<unknown> }

/** In the order in which `--help` prints them. */
export const options = { ...brokerOptions, ...clientOptions, ...commonOptions } as const

export type OptionKey = keyof typeof options
export const optionKeys = Object.keys(options) as OptionKey[]

export type Settings = {
  readonly [K in OptionKey]: (typeof options)[K] extends { readonly fallback: infer F }
    ? F extends boolean
      ? boolean
      : F extends number
        ? number
        : F
    : never
}

export type Origin =
  | { readonly kind: 'flag' | 'variable' | 'default'; readonly name: string }
  | { readonly kind: 'file'; readonly name: string }

export interface ParsedOptions {
  readonly settings: Settings
  readonly origins: { readonly [K in OptionKey]: Origin }
}

export interface ParsedFlags {
  readonly flags: { readonly [key: string]: string | undefined }
  readonly words: readonly string[]
  /** Every `--url`, in order; the last one is the one in `flags`. */
  readonly urls: readonly string[]
}

export function flagOf(key: string): string {
  return key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}

export function variableOf(key: string): string {
  return `SPILLWAY_${flagOf(key).replaceAll('-', '_').toUpperCase()}`
}

/** Splits the command line; values stay texts. Throws a usage failure. */
export function parseFlags(args: readonly string[]): ParsedFlags {
  const declared: {
    [flag: string]: { type: 'string' | 'boolean'; short?: string; multiple?: true }
  } = {}
  for (const key of optionKeys) {
    const option: Option<unknown> = options[key]
    declared[flagOf(key)] = {
      type: option.kind === 'switch' ? 'boolean' : 'string',
      ...(option.short === undefined ? {} : { short: option.short }),
      ...(key === 'url' ? { multiple: true } : {}),
    }
  }
  const flags: { [key: string]: string } = {}
  try {
    const { values, positionals } = parseArgs({
      args: fillPorts(args),
      options: declared,
      allowPositionals: true,
      strict: true,
    })
    for (const key of optionKeys) {
      const value = values[flagOf(key)]
      if (value !== undefined) flags[key] = String(Array.isArray(value) ? value.at(-1) : value)
    }
    const urls = values['url'] ?? []
    return { flags, words: positionals, urls: Array.isArray(urls) ? urls.map(String) : [] }
  } catch (error) {
    const message = (error as Error).message.split('. To specify')[0]!
    const unknown = /^Unknown option '--?([^']+)'/.exec(message)?.[1]
    if (unknown === undefined) throw usageFailure(`${message}. See --help.`)
    throw usageFailure(
      `there is no --${unknown}.${suggest(unknown, optionKeys.map(flagOf))} See --help.`,
    )
  }
}

/** `--amqp` alone, without a port, is the default port. */
function fillPorts(args: readonly string[]): string[] {
  const filled: string[] = []
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!
    const key = optionKeys.find(key => options[key].kind === 'port' && arg === `--${flagOf(key)}`)
    if (key === undefined) {
      filled.push(arg)
    } else if (parsePort(args[index + 1] ?? '') !== undefined) {
      filled.push(`${arg}=${args[++index]}`)
    } else {
      const option: Option<unknown> = options[key]
      filled.push(`${arg}=${option.bare ?? option.fallback}`)
    }
  }
  return filled
}

export interface OptionSources {
  readonly flags: ParsedFlags['flags']
  readonly environment: { readonly [name: string]: string | undefined }
  readonly file:
    | { readonly name: string; readonly values: { readonly [key: string]: unknown } }
    | undefined
}

/** Puts the sources together by precedence. Throws a usage failure for a value that is wrong. */
export function resolveOptions({ flags, environment, file }: OptionSources): ParsedOptions {
  const settings: { [key: string]: unknown } = {}
  const origins: { [key: string]: Origin } = {}
  if (file !== undefined) checkKeys(file)
  for (const key of optionKeys) {
    const option: Option<unknown> = options[key]
    const flag = flags[key]
    const variable = option.flagOnly ? undefined : environment[variableOf(key)]
    const inFile = option.flagOnly ? undefined : file?.values[key]
    let origin: Origin = { kind: 'default', name: '' }
    let given: string | undefined
    if (flag !== undefined) {
      origin = { kind: 'flag', name: `--${flagOf(key)}` }
      given = flag
    } else if (variable !== undefined && variable !== '') {
      origin = { kind: 'variable', name: variableOf(key) }
      given = variable
    } else if (inFile !== undefined && inFile !== null) {
      origin = { kind: 'file', name: `${file!.name}: ${key}` }
      given = inFile === false && option.kind === 'port' ? 'off' : String(inFile)
    }
    const value = given === undefined ? option.fallback : option.parse(given)
    if (given !== undefined && value === undefined) {
      throw usageFailure(`${origin.name} expects ${option.expects}, not “${given}”.`)
    }
    settings[key] = value
    origins[key] = origin
  }
  return {
    settings: settings as unknown as Settings,
    origins: origins as unknown as ParsedOptions['origins'],
  }
}

function checkKeys(file: NonNullable<OptionSources['file']>): void {
  const known = optionKeys.filter(key => !(options[key] as Option<unknown>).flagOnly)
  for (const key of Object.keys(file.values)) {
    if (!known.includes(key as OptionKey)) {
      throw usageFailure(`${file.name} has the unknown key “${key}”.${suggest(key, known)}`)
    }
  }
}

/** The form that `parse` reads, for `config` and for pages; empty for what is not set. */
export function printOption(key: OptionKey, value: unknown): string {
  const option: Option<unknown> = options[key]
  if (value === undefined || value === null) return ''
  return option.print?.(value) ?? String(value)
}
