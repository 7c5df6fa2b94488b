/** The client's program in the README compiles, runs, and prints what it should. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'

it('the program in the README is thirty lines that do what they say', () => {
  const readme = readFileSync('README.md', 'utf8')
  const program = /```ts\n(import .* from 'spillway'\n[\s\S]*?)```/.exec(readme)?.[1]
  assert.ok(program !== undefined)
  const lines = program.split('\n').filter(line => line.trim() !== '' && !line.startsWith('//'))
  assert.ok(lines.length <= 30, `${lines.length} lines`)
  // Inside the package, where its own name leads to it, as it does where it is installed.
  const folder = mkdtempSync(join('dist', 'readme-'))
  try {
    writeFileSync(join(folder, 'program.ts'), program)
    const settings = ['--module', 'nodenext', '--target', 'es2023', '--types', 'node', '--strict']
    const options = [...settings, '--lib', 'es2023,esnext.disposable', '--skipLibCheck']
    const compiler = join('node_modules', 'typescript', 'bin', 'tsc')
    const source = join(folder, 'program.ts')
    execFileSync(process.execPath, [compiler, '--ignoreConfig', ...options, source])
    const output = execFileSync(process.execPath, [join(folder, 'program.js')], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    assert.match(output, /'native'/)
    assert.match(output, /placed o-2/)
    assert.match(output, /Reject \{ id: 'o-1', customer: 'bob', total: -1 \}/)
    assert.match(output, /\{ price: 3 \}/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
