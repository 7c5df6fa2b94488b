import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverLimits } from './limits.ts'
import { GatedOutbox, SlabPool } from './outbox.ts'

const small = { bytesHigh: 100, bytesLow: 20, bytesMax: 1000 }

/** A way out that keeps what it was given, and finishes a write when the test says so. */
function fixture(limits = small) {
  const writes: string[] = []
  const parts: Uint8Array[] = []
  const pending: Array<() => void> = []
  const events: string[] = []
  const pool = new SlabPool()
  const way = {
    write(given: readonly Uint8Array[], done: () => void) {
      writes.push(Buffer.concat(given).toString('latin1'))
      parts.push(...given)
      pending.push(done)
    },
    end: () => void events.push('end'),
    destroy: () => void events.push('destroy'),
  }
  const outbox = new GatedOutbox(
    way,
    {
      onDirty: () => void events.push('dirty'),
      onDrained: () => void events.push('drained'),
    },
    pool,
    limits,
  )
  const say = (text: string, gate: number) => {
    outbox.writer.raw(Buffer.from(text, 'latin1'))
    outbox.hold(gate)
  }
  const land = () => {
    for (const done of pending.splice(0)) done()
  }
  return { outbox, writes, parts, events, pool, say, land }
}

test('bytes leave only when their gate is released', () => {
  const { outbox, writes, say } = fixture()
  say('a', 1)
  say('b', 2)
  say('c', 3)
  assert.equal(outbox.flush(0), false)
  assert.deepEqual(writes, [])
  assert.equal(outbox.flush(2), false)
  assert.deepEqual(writes, ['ab'])
  assert.equal(outbox.flush(3), true)
  assert.deepEqual(writes, ['ab', 'c'])
})

test('what goes ahead passes what is held, and what is held stays whole', () => {
  const { outbox, writes, say, land } = fixture()
  say('a', 1)
  outbox.ahead(Buffer.from('!'))
  assert.deepEqual(writes, ['!'])
  say('b', 1)
  assert.equal(outbox.flush(1), true)
  assert.deepEqual(writes, ['!', 'ab'])
  assert.equal(outbox.size, 2)
  land()
  assert.equal(outbox.size, 0)
  outbox.end()
  outbox.ahead(Buffer.from('!'))
  assert.deepEqual(writes, ['!', 'ab'])
})

test('a released prefix is one write, and nothing is written twice', () => {
  const { outbox, writes, say } = fixture()
  for (let index = 0; index < 10; index++) say(String(index), index)
  outbox.flush(100)
  outbox.flush(100)
  assert.deepEqual(writes, ['0123456789'])
})

test('a lower gate behind a higher one waits for the higher one', () => {
  const { outbox, writes, say } = fixture()
  say('confirm', 5)
  say('delivery', 2)
  outbox.flush(4)
  assert.deepEqual(writes, [])
  outbox.flush(5)
  assert.deepEqual(writes, ['confirmdelivery'])
})

test('bytes that nobody has held do not leave', () => {
  const { outbox, writes, say } = fixture()
  say('held', 0)
  outbox.writer.raw(Buffer.from('half a frame'))
  outbox.flush(0)
  assert.deepEqual(writes, ['held'])
  outbox.hold(0)
  outbox.flush(0)
  assert.deepEqual(writes, ['held', 'half a frame'])
})

test('bytes in flight are not touched by later replies', () => {
  const { outbox, writes, parts, say, land } = fixture()
  say('first', 0)
  outbox.flush(0)
  say('second', 0)
  outbox.flush(0)
  assert.deepEqual(
    parts.map(part => Buffer.from(part).toString()),
    writes,
  )
  assert.deepEqual(writes, ['first', 'second'])
  assert.equal(outbox.size, 11)
  land()
  assert.equal(outbox.size, 0)
})

test('it says once that it is dirty, until everything held has left', () => {
  const { outbox, events, say } = fixture()
  say('a', 1)
  say('b', 2)
  assert.deepEqual(events, ['dirty'])
  outbox.flush(1)
  say('c', 3)
  assert.deepEqual(events, ['dirty'])
  outbox.flush(3)
  say('d', 3)
  assert.deepEqual(events, ['dirty', 'dirty'])
})

test('it is congested from the high mark down to the low one, held bytes included', () => {
  const { outbox, events, say, land } = fixture()
  say('x'.repeat(60), 1)
  assert.equal(outbox.congested, false)
  say('y'.repeat(60), 2)
  assert.equal(outbox.congested, true)
  outbox.flush(1)
  land()
  assert.equal(outbox.size, 60)
  assert.equal(outbox.congested, true)
  outbox.flush(2)
  assert.equal(outbox.congested, true)
  land()
  assert.equal(outbox.congested, false)
  assert.deepEqual(events, ['dirty', 'drained'])
})

test('a quiet outbox says that it is congested, and still sends replies', () => {
  const { outbox, writes, say } = fixture()
  outbox.quiet()
  assert.equal(outbox.congested, true)
  say('settled', 0)
  outbox.flush(0)
  assert.deepEqual(writes, ['settled'])
})

test('above the hard limit the connection is destroyed', () => {
  const { outbox, events, writes, say } = fixture()
  say('x'.repeat(1001), 1)
  assert.deepEqual(events, ['destroy'])
  assert.equal(outbox.flush(1), true)
  assert.deepEqual(writes, [])
  assert.equal(outbox.size, 0)
})

test('end closes the way after what was written before, and drops what is written later', () => {
  const { outbox, writes, events, say } = fixture()
  say('goodbye', 3)
  outbox.end()
  say('too late', 3)
  assert.equal(outbox.flush(2), false)
  assert.deepEqual(events, ['dirty'])
  say('much too late', 4)
  assert.equal(outbox.flush(3), true)
  assert.deepEqual(writes, ['goodbye'])
  assert.deepEqual(events, ['dirty', 'end'])
  outbox.flush(9)
  assert.deepEqual(events, ['dirty', 'end'])
})

test('end with nothing to say makes the outbox dirty, so that its owner closes it', () => {
  const { outbox, events } = fixture()
  outbox.end()
  assert.deepEqual(events, ['dirty'])
  outbox.flush(0)
  assert.deepEqual(events, ['dirty', 'end'])
})

test('destroy drops what is held', () => {
  const { outbox, writes, events, say } = fixture()
  say('held', 5)
  outbox.destroy()
  say('more', 5)
  outbox.flush(10)
  assert.deepEqual(writes, [])
  assert.deepEqual(events, ['dirty', 'destroy'])
})

test('a silent connection holds no slab, and slabs come back to the pool', () => {
  const { outbox, pool, say, land } = fixture()
  assert.equal(outbox.writer.bytes.length, 0)
  say('heartbeat', 0)
  assert.equal(outbox.writer.bytes.length, serverLimits.slabBytesSmall)
  outbox.flush(0)
  assert.equal(outbox.writer.bytes.length, 0)
  assert.deepEqual(pool.kept, { small: 0, large: 0, huge: 0 })
  land()
  assert.deepEqual(pool.kept, { small: 1, large: 0, huge: 0 })
  say('heartbeat', 0)
  assert.deepEqual(pool.kept, { small: 0, large: 0, huge: 0 })
})

test('a reply that says how long it will be gets its slab at once, and gives it back', () => {
  const { outbox, pool, writes, land } = fixture({
    bytesHigh: 1 << 22,
    bytesLow: 1 << 10,
    bytesMax: 1 << 24,
  })
  const body = new Uint8Array(1 << 20).fill(120)
  outbox.writer.reserve(body.length + 100)
  const slab = outbox.writer.bytes
  assert.equal(slab.length, serverLimits.slabBytesHuge)
  outbox.writer.raw(body)
  assert.equal(outbox.writer.bytes, slab)
  outbox.hold(0)
  outbox.flush(0)
  assert.equal(writes[0]!.length, body.length)
  land()
  assert.deepEqual(pool.kept, { small: 0, large: 0, huge: 1 })
  outbox.writer.reserve(body.length)
  assert.equal(outbox.writer.bytes, slab)
})

test('many replies go into several slabs and still leave in order, in one write', () => {
  const { outbox, writes, say, land } = fixture({
    bytesHigh: 1 << 20,
    bytesLow: 1 << 10,
    bytesMax: 1 << 24,
  })
  let expected = ''
  for (let index = 0; index < 400; index++) {
    const text = String(index % 10).repeat(997)
    expected += text
    say(text, index)
  }
  outbox.flush(150)
  outbox.flush(300)
  outbox.flush(399)
  assert.equal(writes.length, 3)
  assert.equal(writes[0]!.length, 151 * 997)
  assert.equal(writes.join(''), expected)
  land()
  assert.equal(outbox.size, 0)
})

test('a reply larger than any slab leaves whole', () => {
  const { outbox, writes, say } = fixture({
    bytesHigh: 1 << 20,
    bytesLow: 1 << 10,
    bytesMax: 1 << 24,
  })
  say('before', 0)
  say('z'.repeat(300_000), 0)
  say('after', 0)
  outbox.flush(0)
  assert.equal(writes.join('').length, 300_011)
  assert.ok(writes[0]!.endsWith('after'))
})
