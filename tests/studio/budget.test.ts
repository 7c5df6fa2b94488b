import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { builtStudio } from './browser.ts'

/** What the first page needs: the entry with what it imports statically, and the page itself. */
function firstLoad(folder: string): { script: number; style: number; files: string[] } {
  const html = readFileSync(join(folder, 'index.html'), 'utf8')
  const files = new Set(['theme.js'])
  const follow = (file: string) => {
    if (files.has(file)) return
    files.add(file)
    if (!file.endsWith('.js')) return
    const code = readFileSync(join(folder, file), 'utf8')
    for (const [, name] of code.matchAll(/(?:from|import)\s*"\.\/([\w.-]+\.js)"/g)) {
      follow(`assets/${name}`)
    }
  }
  for (const [, file] of html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)) follow(file!)
  for (const name of readdirSync(join(folder, 'assets'))) {
    if (/^home-.*\.(js|css)$/.test(name)) follow(`assets/${name}`)
  }
  const sizeOf = (extension: string) =>
    [...files]
      .filter(file => file.endsWith(extension))
      .reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0)
  return { script: sizeOf('.js'), style: sizeOf('.css'), files: [...files] }
}

describe('the budgets of the studio', () => {
  const folder = builtStudio()

  it('loads at most 60 kB of script and 12 kB of style first, gzipped', () => {
    const { script, style, files } = firstLoad(folder)
    assert.ok(files.some(file => file.includes('kit-')))
    assert.ok(files.some(file => file.includes('home-')))
    console.log(`first load: ${script} B of script, ${style} B of style, gzipped`)
    assert.ok(script <= 60_000, `${script} B`)
    assert.ok(style <= 12_000, `${style} B`)
  })

  it('has nothing inline, and names no other host in its page', () => {
    const html = readFileSync(join(folder, 'index.html'), 'utf8')
    assert.doesNotMatch(html, /<style|style=|<script(?![^>]*\bsrc=)|\son\w+=|https?:/)
  })
})
