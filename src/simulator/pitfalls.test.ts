import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pitfalls } from './scenarios/pitfalls.ts'
import { Simulation } from './simulation.ts'

/** The figure of each pitfall, broken and fixed: the seed decides, so they are exact. */
const figures: { readonly [id: string]: readonly [broken: number, fixed: number] } = {
  'pitfall-ack-before-work': [4, 0],
  'pitfall-short-lease': [34, 0],
  'pitfall-poison': [16, 0],
  'pitfall-prefetch': [42, 0],
  'pitfall-hot-loop': [1462, 33],
  'pitfall-retry-storm': [12_121, 56],
  'pitfall-dual-write': [4, 0],
  'pitfall-unbounded': [258, 22],
  'pitfall-not-idempotent': [1, 0],
  'pitfall-rebalance': [64, 0],
  'pitfall-fifo-stall': [132, 4],
  'pitfall-ttl-head': [16, 0],
}

describe('the twelve pitfalls', () => {
  it('are twelve', () => {
    assert.deepEqual(
      pitfalls.map(({ scenario }) => scenario.id),
      Object.keys(figures),
    )
  })

  for (const { scenario, harm, figure, lengthMs } of pitfalls) {
    const run = (fixed: number) => {
      const simulation = new Simulation(scenario, { knobs: { fixed } })
      simulation.advance(lengthMs)
      return simulation.counts()
    }

    it(`${scenario.title}: the ledger shows the harm (${figure}), and not after the fix`, () => {
      const [broken, fixed] = [run(0), run(1)]
      assert.deepEqual([harm(broken), harm(fixed)], figures[scenario.id])
      assert.equal(fixed.lost, 0)
      assert.equal(fixed.duplicated, 0)
      assert.equal(fixed.expected, fixed.actual)
    })
  }
})
