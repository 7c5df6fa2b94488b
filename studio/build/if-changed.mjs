/**
 * Builds the studio into dist/studio, unless what it is made of has not changed since the last
 * time: `npm start` asks this each time, and mostly waits for nothing. `--force` builds anyway.
 */

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const stampFile = join(root, 'dist/studio.stamp')
const sources = ['studio', 'src/base', 'src/engine', 'src/testing', 'src/simulator', 'examples']
const files = ['package-lock.json', 'src/admin/contract.ts']

const hash = createHash('sha256')
for (const folder of sources) addFolder(join(root, folder))
for (const file of files) hash.update(readFileSync(join(root, file)))
const stamp = hash.digest('hex')

const isBuilt = existsSync(join(root, 'dist/studio/index.html')) && existsSync(stampFile)
if (process.argv.includes('--force') || !isBuilt || readFileSync(stampFile, 'utf8') !== stamp) {
  const { build } = await import('vite')
  await build({ configFile: join(root, 'studio/vite.config.ts'), logLevel: 'warn' })
  pack(join(root, 'dist/studio'))
  writeFileSync(stampFile, stamp)
}

/** Packed once, here: the broker has better things to do when somebody opens its page. */
function pack(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) pack(path)
    else if (['.js', '.css', '.html', '.svg'].includes(extname(path))) {
      const bytes = readFileSync(path)
      writeFileSync(`${path}.br`, brotliCompressSync(bytes))
      writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }))
    }
  }
}

function addFolder(folder) {
  if (!existsSync(folder)) return
  const entries = readdirSync(folder, { withFileTypes: true })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name === 'node_modules') continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) addFolder(path)
    else hash.update(`${path.slice(root.length)}\0`).update(readFileSync(path))
  }
}
