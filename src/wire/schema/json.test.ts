import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../base/random.ts'
import { boolean, integer, JsonBreach, list, map, object, required, text } from './json.ts'

const Point = object({
  x: required(integer),
  label: text,
  flags: list('flag', boolean),
  names: map({ flat: 'name', key: 'k', value: 'v' }, object({ first: text })),
})

describe('a table of JSON', () => {
  it('returns what has its types, without what is null', () => {
    const given = { x: 1, label: null, flags: [true], names: { a: { first: null }, b: null } }
    assert.deepEqual(Point.parse(given, ''), { x: 1, flags: [true], names: { a: {} } })
    assert.equal(Point.parse({ x: 1, label: 'l', names: {} }, '').label, 'l')
  })

  it('says where a value has the wrong type, or is missing', () => {
    const breachOf = (value: unknown): string => {
      try {
        Point.parse(value, '')
      } catch (error) {
        assert.ok(error instanceof JsonBreach)
        return `${error.kind} ${error.path}`
      }
      return 'none'
    }
    assert.equal(breachOf({}), 'missing x')
    assert.equal(breachOf({ x: null }), 'missing x')
    assert.equal(breachOf({ x: 1.5 }), 'type x')
    assert.equal(breachOf({ x: 1, flags: [true, 1] }), 'type flags[1]')
    assert.equal(breachOf({ x: 1, names: { a: { first: 2 } } }), 'type names.a.first')
    assert.equal(breachOf([]), 'type ')
  })

  it('takes its own samples as they are, and only those', () => {
    const random = new SeededRandom(1)
    for (let count = 0; count < 100; count++) {
      const sample = Point.sample(random)
      assert.ok(Point.fits(sample))
      assert.equal(Point.parse(sample, ''), sample)
    }
    for (const other of [null, 'text', [], {}, { x: '1' }, { x: 1, label: null }]) {
      assert.equal(Point.fits(other), false)
    }
  })
})
