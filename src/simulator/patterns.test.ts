import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { patterns } from './scenarios/patterns.ts'
import { Simulation } from './simulation.ts'

describe('the patterns', () => {
  for (const { scenario } of patterns) {
    it(`${scenario.title}: nothing is lost or done twice, and all of it is done`, () => {
      const run = new Simulation(scenario)
      run.advance(30_000)
      run.input({ kind: 'knob', name: 'rate', value: 0 })
      run.advance(90_000)
      const { sent, lost, duplicated, inFlight, dead } = run.counts()
      assert.ok(sent > 20)
      assert.deepEqual(
        { lost, duplicated, waiting: inFlight - dead },
        { lost: 0, duplicated: 0, waiting: 0 },
      )
    })
  }

  const figuresOf = (id: string, knobs: { readonly [name: string]: number } = {}) => {
    const { scenario } = patterns.find(one => one.scenario.id === `pattern-${id}`)!
    const run = new Simulation(scenario, { knobs })
    run.advance(60_000)
    return { run, counts: run.counts() }
  }

  it('keep the order of a key with groups, and not without', () => {
    assert.equal(figuresOf('ordering').counts.outOfOrder, 0)
    assert.ok(figuresOf('ordering', { grouped: 0 }).counts.outOfOrder > 20)
  })

  it('charge twice without a memory of what was done', () => {
    assert.equal(figuresOf('idempotent').counts.duplicated, 0)
    assert.ok(figuresOf('idempotent', { idempotent: 0 }).counts.duplicated > 5)
  })

  it('give each subscriber what its pattern names', () => {
    const { run, counts } = figuresOf('topic-routing')
    const done = (name: string) => run.consumers.get(`${name} team`)!.done
    assert.ok(Math.abs(done('audit') - counts.sent) <= 1)
    for (const name of ['eu', 'refunds']) assert.ok(Math.abs(done(name) - counts.sent / 2) <= 2)
  })

  it('let what is urgent overtake', () => {
    const { scenario } = patterns.find(one => one.scenario.id === 'pattern-priority')!
    const run = new Simulation(scenario, { knobs: { rate: 0 } })
    run.input({ kind: 'send', count: 50 })
    run.advance(6000)
    const done = run.history.items.filter(item => item.kind === 'effect').map(item => item.message!)
    assert.deepEqual(
      done.filter(number => number % 5 === 0),
      [5, 10, 15, 20, 25, 30, 35, 40, 45, 50],
    )
  })

  it('do not lose an order with an outbox, however often the shop crashes', () => {
    for (const outbox of [0, 1]) {
      const { scenario } = patterns.find(one => one.scenario.id === 'pattern-outbox')!
      const run = new Simulation(scenario, { knobs: { outbox } })
      for (let crash = 0; crash < 6; crash++) {
        run.advance(7000)
        run.input({ kind: 'crash-producer' })
      }
      run.advance(20_000)
      assert.equal(run.counts().lost > 0, outbox === 0)
      assert.equal(run.counts().duplicated, 0)
    }
  })
})
