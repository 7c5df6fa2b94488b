/** Finds and reads `spillway.config.json`, or `spillway.config.js` with a default export. */

import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { usageFailure } from './failure.ts'
import type { OptionSources } from './options.ts'

const names = ['spillway.config.json', 'spillway.config.js']

/** `path` is what `--config` or `SPILLWAY_CONFIG` named; without it, the usual names are tried. */
export async function readConfigFile(path: string | undefined): Promise<OptionSources['file']> {
  const name = path ?? names.find(name => existsSync(name))
  if (name === undefined) return undefined
  if (!existsSync(name)) throw usageFailure(`the configuration file ${name} does not exist.`)
  const values = name.endsWith('.json') ? readJson(name) : await importDefault(name)
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw usageFailure(`${name} must hold an object, such as { "amqp": 5673 }.`)
  }
  return { name, values: values as { readonly [key: string]: unknown } }
}

function readJson(name: string): unknown {
  try {
    return JSON.parse(readFileSync(name, 'utf8'))
  } catch (error) {
    throw usageFailure(`${name} cannot be read: ${(error as Error).message}.`)
  }
}

async function importDefault(name: string): Promise<unknown> {
  try {
    const module: { default?: unknown } = await import(pathToFileURL(resolve(name)).href)
    return module.default
  } catch (error) {
    throw usageFailure(`${name} cannot be loaded: ${(error as Error).message}.`)
  }
}
