/** The version in package.json, which lies above the compiled files. */

import { readFileSync } from 'node:fs'

export function readVersion(): string {
  for (let up = '../'; up.length <= 12; up += '../') {
    try {
      const text = readFileSync(new URL(`${up}package.json`, import.meta.url), 'utf8')
      const { name, version }: { name?: string; version?: string } = JSON.parse(text)
      if (name === 'spillway' && version !== undefined) return version
    } catch {
      // Not this folder: one further up.
    }
  }
  return '0.0.0'
}
