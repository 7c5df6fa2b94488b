import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseSize, printSize } from './size.ts'

describe('sizes', () => {
  it('are read', () => {
    assert.equal(parseSize('512'), 512)
    assert.equal(parseSize('64MiB'), 67_108_864)
    assert.equal(parseSize('1GB'), 1_000_000_000)
    assert.equal(parseSize('1.5 KiB'), 1536)
    assert.equal(parseSize('10k'), 10_000)
  })

  it('are refused when they are none', () => {
    for (const text of [
      '',
      'MiB',
      '-1',
      '5 XB',
      '5  MB',
      '1e3',
      '5constructor',
      `${'9'.repeat(40)}`,
    ]) {
      assert.equal(parseSize(text), undefined, text)
    }
  })

  it('are printed for people', () => {
    assert.equal(printSize(0), '0 B')
    assert.equal(printSize(1023), '1023 B')
    assert.equal(printSize(67_108_864), '64 MiB')
    assert.equal(printSize(1_288_490_189), '1.2 GiB')
    assert.equal(printSize(5 * 2 ** 50), '5120 TiB')
  })
})
