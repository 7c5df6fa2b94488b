#!/usr/bin/env node
/**
 * The command, and the composition root: the only place that knows every folder. Each command is a
 * module that is loaded when it is asked for, so that `serve` starts with little.
 */

import * as module from 'node:module'
import { readConfigFile } from './config-file.ts'
import { CommandFailure, exitCodes, usageFailure } from './failure.ts'
import { type CommandName, commandNames } from './option.ts'
import { type ParsedOptions, parseFlags, resolveOptions } from './options.ts'
import { type Output, standardOutput } from './output.ts'
import { suggest } from './suggestion.ts'
import { readVersion } from './version.ts'

/** What a command is given. */
export interface CommandCall extends ParsedOptions {
  /** The words after the command. */
  readonly words: readonly string[]
  /** Each `--url`, for a command that takes several. */
  readonly urls: readonly string[]
  readonly output: Output
}

export type Command = (call: CommandCall) => Promise<number>

const commands: { readonly [K in CommandName]: () => Promise<Command> } = {
  serve: async () => (await import('./serve.ts')).serve,
  studio: async () => (await import('./studio.ts')).studio,
  queues: async () => (await import('./queues.ts')).queues,
  peek: async () => (await import('./peek.ts')).peek,
  send: async () => (await import('./send.ts')).send,
  consume: async () => (await import('./consume.ts')).consume,
  tail: async () => (await import('./tail.ts')).tail,
  redrive: async () => (await import('./redrive.ts')).redrive,
  replay: async () => (await import('./replay.ts')).replay,
  move: async () => (await import('./move.ts')).move,
  export: async () => (await import('./export.ts')).exportMessages,
  import: async () => (await import('./import.ts')).importMessages,
  plan: async () => (await import('./plan-contracts.ts')).planContracts,
  bench: async () => (await import('./bench.ts')).bench,
  compare: async () => (await import('./compare.ts')).compare,
  doctor: async () => (await import('./doctor.ts')).doctor,
  config: async () => (await import('./config.ts')).config,
  users: async () => (await import('./users-hash.ts')).users,
  completion: async () => (await import('./completion.ts')).completion,
}

async function main(args: readonly string[]): Promise<number> {
  const { flags, words, urls } = parseFlags(args)
  const command = findCommand(words[0])
  if (flags['version'] === 'true') {
    process.stdout.write(`${readVersion()}\n`)
    return exitCodes.ok
  }
  if (flags['help'] === 'true') {
    const { helpText } = await import('./help.ts')
    process.stdout.write(`${helpText(words.length > 0 ? command : undefined, readVersion())}\n`)
    return exitCodes.ok
  }
  if (urls.length > 1 && command !== 'compare') {
    throw usageFailure(`${command} takes one --url; only compare takes two.`)
  }
  const environment = process.env
  const file = await readConfigFile(flags['config'] ?? environment['SPILLWAY_CONFIG'])
  const parsed = resolveOptions({ flags, environment, file })
  const run = await commands[command]()
  return run({
    ...parsed,
    words: words.slice(1),
    urls,
    output: standardOutput(parsed.settings.quiet),
  })
}

function findCommand(word: string | undefined): CommandName {
  if (word === undefined) return 'serve'
  const found = commandNames.find(name => name === word)
  if (found !== undefined) return found
  throw usageFailure(`there is no command “${word}”.${suggest(word, commandNames)} See --help.`)
}
// Since Node 22.1 the compiled form of our modules is kept from one start to the next.
;(module as { enableCompileCache?: () => void }).enableCompileCache?.()

/** A closed pipe (`spillway queues | head`) is nobody's error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.error)
})

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (error instanceof CommandFailure) {
    process.stderr.write(`${error.code}: ${error.message}\n`)
    process.exitCode = error.exitCode
  } else {
    process.stderr.write(`SPILLWAY_E_BUG: ${(error as Error).stack ?? String(error)}\n`)
    process.exitCode = exitCodes.error
  }
}
