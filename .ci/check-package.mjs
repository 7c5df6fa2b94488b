/**
 * What a user installs: the lock file must not say where packages were fetched from, and the
 * published package holds the program, the licence and the pages that it should, and nothing else.
 * Expects a build in dist/.
 */

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const problems = []

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
for (const [path, entry] of Object.entries(lock.packages)) {
  if (entry.resolved !== undefined && !entry.link) {
    problems.push(`package-lock.json names an address for ${path}`)
  }
  // A workspace of our own is a folder, not a package that was fetched.
  const isFetched = path.includes('node_modules/') && !entry.link
  if (isFetched && entry.integrity === undefined) {
    problems.push(`package-lock.json has no checksum for ${path}`)
  }
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const wanted = ['CHANGELOG.md', 'LICENSE', 'NOTICE', 'README.md', 'package.json']
wanted.push('dist/studio/index.html')
for (const entry of [...Object.values(manifest.bin), ...Object.values(manifest.exports)]) {
  const paths = typeof entry === 'string' ? [entry] : Object.values(entry)
  wanted.push(...paths.map(path => path.replace(/^\.\//, '')))
}

const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
  encoding: 'utf8',
})
const [{ files, size }] = JSON.parse(output)
const packed = files.map(file => file.path)
for (const path of wanted) {
  if (!packed.includes(path)) problems.push(`the package lacks ${path}`)
}
const allowed = /^(dist\/(src|studio)\/.*|LICENSE|NOTICE|(README|CHANGELOG)\.md|package\.json)$/
for (const path of packed) {
  if (!allowed.test(path) || /\.test\./.test(path))
    problems.push(`the package should not hold ${path}`)
}

if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exitCode = 1
} else {
  console.log(`The package holds ${packed.length} files, ${Math.round(size / 1024)} KiB packed.`)
}
