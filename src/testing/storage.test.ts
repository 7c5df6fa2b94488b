import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../base/random.ts'
import type { StorageError, StorageFile } from '../engine/ports.ts'
import { SimulatedStorageError, type SimulatedWorld, simulatedWorld } from './testing.ts'

function bytes(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value)
}

function contents(world: SimulatedWorld, name: string): number[] | undefined {
  for (const [found, content] of world.storage.files()) if (found === name) return [...content]
  return undefined
}

/** Runs a call to its completion. */
function complete(
  world: SimulatedWorld,
  call: (done: (error: StorageError | undefined) => void) => void,
): StorageError | undefined {
  const outcomes: (StorageError | undefined)[] = []
  call(error => outcomes.push(error))
  assert.equal(outcomes.length, 0, 'a completion never comes before the call returns')
  world.clock.runUntilIdle()
  assert.equal(outcomes.length, 1)
  return outcomes[0]
}

function write(
  world: SimulatedWorld,
  file: StorageFile,
  at: number,
  part: Uint8Array,
  durable: boolean,
) {
  return complete(world, done => file.write(at, [part], durable, done))
}

describe('the simulated storage', () => {
  it('keeps durable bytes through every crash', () => {
    for (let seed = 0; seed < 200; seed++) {
      const world = simulatedWorld(seed)
      const file = world.storage.open('a')
      write(world, file, 0, bytes(700, 1), true)
      write(world, file, 700, bytes(100, 2), false)
      complete(world, done => file.sync(done))
      write(world, file, 800, bytes(2000, 3), false)
      world.crash()
      const found = contents(world, 'a')!
      assert.deepEqual(found.slice(0, 800), [...bytes(700, 1), ...bytes(100, 2)])
      assert.ok(found.length <= 2800)
      for (const byte of found.slice(800)) assert.ok(byte === 3 || byte === 0)
    }
  })

  it('keeps, drops and tears what was not synced, in one run or another', () => {
    const lengths = new Set<number>()
    let hasHole = false
    for (let seed = 0; seed < 300; seed++) {
      const world = simulatedWorld(seed)
      const file = world.storage.open('a')
      write(world, file, 0, bytes(1, 9), true)
      write(world, file, 1, bytes(2000, 3), false)
      world.crash()
      const found = contents(world, 'a')!
      lengths.add(found.length)
      if (found.includes(0)) hasHole = true
    }
    assert.ok(lengths.has(1) && lengths.has(2001) && lengths.size > 10)
    assert.equal(hasHole, true)
  })

  it('may lose a name that was not synced, and keeps one that was', () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      const world = simulatedWorld(seed)
      const kept = world.storage.open('kept')
      write(world, kept, 0, bytes(4, 1), true)
      world.storage.open('loose')
      world.storage.rename('kept', 'renamed')
      world.crash()
      seen.add(world.storage.list().sort().join(' '))
    }
    assert.deepEqual([...seen].sort(), ['kept', 'kept loose', 'loose renamed', 'renamed'])

    const world = simulatedWorld(1)
    world.storage.open('a')
    world.storage.rename('a', 'b')
    assert.equal(
      complete(world, done => world.storage.syncDirectory(done)),
      undefined,
    )
    world.storage.remove('b')
    assert.deepEqual(world.storage.list(), [])
    world.crash()
    assert.ok(world.storage.list().length <= 1)
  })

  it('keeps what was written when only the process dies, and finishes nothing of it', () => {
    const world = simulatedWorld(3)
    const file = world.storage.open('a')
    write(world, file, 0, bytes(10, 1), false)
    file.write(10, [bytes(10, 2)], true, () => assert.fail('completed after the process died'))
    world.kill()
    world.clock.runUntilIdle()
    const found = contents(world, 'a')!
    assert.deepEqual(found.slice(0, 10), [...bytes(10, 1)])
    assert.throws(() => file.size(), /process that lives/)
  })

  it('fails the call that it was told to', () => {
    const world = simulatedWorld(4)
    const { storage } = world
    const file = storage.open('a')
    storage.failCall(storage.calls + 2, 'EIO')
    assert.equal(write(world, file, 0, bytes(10, 1), true), undefined)
    assert.equal(write(world, file, 10, bytes(10, 1), true)?.code, 'EIO')
    assert.equal(write(world, file, 10, bytes(10, 1), true), undefined)
    storage.failCall(0, 'EACCES', 'open')
    assert.equal(file.size(), 20)
    assert.throws(() => storage.open('b'), new SimulatedStorageError('EACCES', 'open'))
    assert.equal(storage.failed, 2)
  })

  it('fills up, and space can return', () => {
    const world = simulatedWorld(5, { capacity: 100 })
    const file = world.storage.open('a')
    assert.equal(write(world, file, 0, bytes(60, 1), true), undefined)
    assert.equal(world.storage.freeBytes(), 40)
    assert.equal(write(world, file, 60, bytes(60, 1), true)?.code, 'ENOSPC')
    assert.equal(world.storage.freeBytes(), 0)
    assert.equal(write(world, file, 0, bytes(60, 2), true), undefined)
    world.storage.capacity = 1000
    assert.equal(write(world, file, 60, bytes(60, 1), true), undefined)
    world.storage.remove('a')
    assert.equal(world.storage.freeBytes(), 1000)
  })

  it('rots a bit, cuts a file and counts its calls', () => {
    const world = simulatedWorld(6)
    const file = world.storage.open('a')
    write(world, file, 0, bytes(10, 0), true)
    world.storage.rot('a', 3, 4)
    assert.equal(contents(world, 'a')![3], 16)
    file.truncate(5)
    write(world, file, 6, bytes(1, 7), false)
    const into = bytes(10, 9)
    assert.equal(file.read(0, into), 7)
    assert.deepEqual([...into], [0, 0, 0, 16, 0, 0, 7, 9, 9, 9])
    assert.equal(world.storage.callsOf.get('write'), 2)
    assert.equal(world.storage.callsOf.get('truncate'), 1)
  })

  it('notices parts that change under a write', () => {
    const world = simulatedWorld(7)
    const part = bytes(10, 1)
    world.storage.open('a').write(0, [part], true, () => undefined)
    part[0] = 2
    assert.throws(() => world.clock.runUntilIdle(), /stay as they are/)
  })

  it('lies about durability when it is told to', () => {
    let isLost = false
    for (let seed = 0; seed < 20; seed++) {
      const world = simulatedWorld(seed)
      world.storage.liesAboutDurability = true
      write(world, world.storage.open('a'), 0, bytes(10, 1), true)
      world.crash()
      if (contents(world, 'a')?.length !== 10) isLost = true
    }
    assert.equal(isLost, true)
  })

  it('does the same for the same seed', () => {
    const run = (seed: number) => {
      const world = simulatedWorld(seed)
      const random = new SeededRandom(seed)
      const file = world.storage.open('a')
      let end = 0
      const order: number[] = []
      for (let turn = 0; turn < 50; turn++) {
        const part = bytes(random.below(900), turn)
        file.write(end, [part], random.chance(0.3), () => order.push(turn))
        end += part.length
        world.clock.advance(1)
      }
      world.crash()
      return [order, contents(world, 'a')]
    }
    assert.deepEqual(run(1), run(1))
    assert.notDeepEqual(run(1), run(2))
  })
})
