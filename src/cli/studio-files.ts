/**
 * The built studio: a few files beside the program, read when they are first asked for and kept,
 * with what a browser may take instead of them (gzip, brotli), which the build has made.
 */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { extname, join, normalize, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StudioFile } from '../admin/ports.ts'

const types: { readonly [extension: string]: string } = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
  '.png': 'image/png',
  '.map': 'application/json',
}

/** Already as small as they get. */
const packedTypes = new Set(['.woff2', '.png'])
/** A file that is smaller travels in one packet anyway. */
const packedFrom = 1024

/** `dist/studio`, as seen from the compiled program in `dist/src/cli`. */
export function studioFolder(): string {
  return fileURLToPath(new URL('../../studio/', import.meta.url))
}

export function studioFiles(folder: string): (path: string) => StudioFile | undefined {
  const known = new Map<string, StudioFile | undefined>()
  return path => {
    if (known.has(path)) return known.get(path)
    const file = readStudioFile(folder, path)
    // What is not there is not remembered: a name costs nothing to make up.
    if (file !== undefined) known.set(path, file)
    return file
  }
}

function readStudioFile(folder: string, path: string): StudioFile | undefined {
  const full = normalize(join(folder, path))
  const type = types[extname(full)]
  const root = folder.endsWith(sep) ? folder : folder + sep
  if (type === undefined || !full.startsWith(root) || path.includes('\0')) return undefined
  let bytes: Uint8Array
  try {
    bytes = readFileSync(full)
  } catch {
    return undefined
  }
  const isPacked = bytes.length >= packedFrom && !packedTypes.has(extname(full))
  return {
    type,
    bytes,
    packed: isPacked ? packedOf(full) : {},
    tag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 16)}"`,
    immutable: path.startsWith('assets/'),
  }
}

/** As the build left them; without them the file travels as it is. */
function packedOf(full: string): StudioFile['packed'] {
  try {
    return { br: readFileSync(`${full}.br`), gzip: readFileSync(`${full}.gz`) }
  } catch {
    return {}
  }
}
