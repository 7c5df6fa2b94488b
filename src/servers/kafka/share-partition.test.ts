/** One partition as a share group sees it: locks, counts, what is done. */

import { deepEqual, equal } from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SharePartition, acknowledgeTypes as say } from './share-partition.ts'

const deliveriesMax = 3

function partition(start = 0): SharePartition {
  return new SharePartition({ start, end: start, runs: [] }, deliveriesMax)
}

/** As `first-last×count`. */
function acquire(
  share: SharePartition,
  [first, last]: readonly [number, number],
  { holder = 'a', until = 10, countMax = Infinity } = {},
): string[] {
  return share
    .acquire({ first, last, holder, until, countMax })
    .map(each => `${each.firstOffset}-${each.lastOffset}×${each.deliveryCount}`)
}

function told(
  share: SharePartition,
  [first, last]: readonly [number, number],
  types: readonly number[],
  holder = 'a',
): boolean {
  return share.acknowledge([{ first, last, types }], { holder, until: 99 })
}

describe('a partition of a share group', () => {
  test('what one has the other does not get; what is done at the front is forgotten', () => {
    const share = partition()
    deepEqual(acquire(share, [0, 9]), ['0-9×1'])
    deepEqual(acquire(share, [0, 9], { holder: 'b' }), [])
    deepEqual(acquire(share, [10, 12], { holder: 'b' }), ['10-12×1'])
    equal(told(share, [10, 12], [say.accept], 'b'), true)
    deepEqual([share.start, share.end, share.doneAhead, share.held], [0, 13, 3, 10])
    equal(told(share, [0, 9], [say.accept]), true)
    deepEqual(share.save(), { start: 13, end: 13, runs: [] })
  })

  test('each record has its own fate, and comes again with its count', () => {
    const share = partition()
    acquire(share, [0, 4])
    const types = [say.accept, say.release, say.reject, say.release, say.gap]
    equal(told(share, [0, 4], types), true)
    deepEqual([share.start, share.nextAvailable(0), share.nextAvailable(2)], [1, 1, 3])
    deepEqual(acquire(share, [0, 6], { holder: 'b' }), ['1-1×2', '3-3×2', '5-6×1'])
    equal(told(share, [1, 3], [say.release], 'b'), false)
    equal(told(share, [1, 1], [say.release], 'b'), true)
    deepEqual(acquire(share, [1, 1]), ['1-1×3'])
    // Three times are enough.
    equal(told(share, [1, 1], [say.release]), true)
    deepEqual(acquire(share, [1, 1]), [])
    equal(share.start, 3)
  })

  test('of several things that are said, all hold or none', () => {
    const share = partition()
    acquire(share, [0, 4])
    const batches = [
      { first: 0, last: 1, types: [say.accept] },
      { first: 4, last: 5, types: [say.accept] },
    ]
    equal(share.acknowledge(batches, { holder: 'a', until: 0 }), false)
    equal(share.start, 0)
    equal(told(share, [0, 4], [say.accept], 'b'), false)
    equal(told(share, [0, 4], [say.accept]), true)
    equal(told(share, [0, 4], [say.accept]), false)
  })

  test('no more than asked for is acquired, and the rest is for others', () => {
    const share = partition()
    deepEqual(acquire(share, [0, 99], { countMax: 10 }), ['0-9×1'])
    deepEqual(acquire(share, [0, 99], { countMax: 5, holder: 'b' }), ['10-14×1'])
    told(share, [0, 9], [say.release])
    deepEqual(acquire(share, [0, 99], { countMax: 12 }), ['0-9×2', '15-16×1'])
  })

  test('a lock that ends frees what it held, unless it was renewed', () => {
    const share = partition()
    acquire(share, [0, 1], { until: 10 })
    acquire(share, [2, 3], { until: 10 })
    equal(told(share, [2, 3], [say.renew]), true)
    equal(share.expire(9), false)
    equal(share.expire(10), true)
    deepEqual([share.nextAvailable(0), share.nextAvailable(2), share.held], [0, 4, 2])
    equal(told(share, [0, 1], [say.accept]), false)
    equal(told(share, [2, 3], [say.accept]), true)
  })

  test('who leaves gives back what it holds; what is skipped nobody gets', () => {
    const share = partition()
    acquire(share, [0, 1])
    acquire(share, [2, 3], { holder: 'b' })
    equal(share.release('a'), true)
    equal(share.release('a'), false)
    share.skip(1, 5)
    deepEqual(acquire(share, [0, 6], { holder: 'c' }), ['0-0×2', '6-6×1'])
  })

  test('it goes on where it was saved, with what was held free again', () => {
    const share = partition(5)
    acquire(share, [5, 9])
    told(share, [6, 6], [say.accept])
    const saved = share.save()
    deepEqual(saved.runs, [
      [5, 5, false, 1],
      [6, 6, true, 1],
      [7, 9, false, 1],
    ])
    const again = new SharePartition(saved, deliveriesMax)
    deepEqual(acquire(again, [5, 10]), ['5-5×2', '7-9×2', '10-10×1'])
  })

  test('a log that was cut takes its part with it', () => {
    const share = partition()
    acquire(share, [0, 9])
    equal(share.cut(4), true)
    equal(share.cut(4), false)
    equal(told(share, [4, 9], [say.accept]), true)
    equal(share.cut(20), true)
    deepEqual([share.start, share.end], [20, 20])
  })
})
