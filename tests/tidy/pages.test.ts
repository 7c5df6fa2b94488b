import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printedPages } from './pages.ts'
import { readTree, repositoryRoot } from './tree.ts'

test('the printed pages are those of the tables: `npm run docs` writes them', () => {
  const tree = readTree(repositoryRoot())
  for (const [path, text] of Object.entries(printedPages())) {
    assert.equal(tree.file(path)?.text, text, path)
  }
})
