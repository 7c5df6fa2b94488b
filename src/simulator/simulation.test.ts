import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fromQuery, toQuery } from './link.ts'
import {
  askOrTell,
  atLeastOnce,
  atMostOnce,
  beTheConsumer,
  effectivelyOnce,
  guideScenarios,
  problem,
  simulator,
  solution,
  waiting,
} from './scenarios/guide.ts'
import { Simulation } from './simulation.ts'

describe('the simulation', () => {
  it('takes a spike, and handles every order once', () => {
    const run = new Simulation(simulator)
    run.advance(10_000)
    run.input({ kind: 'send', count: 100 })
    run.input({ kind: 'knob', name: 'consumers', value: 6 })
    run.advance(1000)
    assert.ok(run.queues()[0]!.ready > 80)
    run.input({ kind: 'knob', name: 'rate', value: 0 })
    run.advance(60_000)
    const counts = run.counts()
    assert.equal(counts.processed, counts.sent)
    assert.deepEqual([counts.sent, counts.lost, counts.duplicated, counts.inFlight], [121, 0, 0, 0])
  })

  it('who asks waits for the work and gives up; who tells goes on, and it is done', () => {
    const asked = new Simulation(askOrTell, { knobs: { work: 3500, rate: 1 } })
    asked.advance(20_000)
    assert.equal(asked.counts().processed, 0, 'past its patience, every order fails')
    const told = new Simulation(askOrTell, { knobs: { work: 3500, rate: 1, later: 1 } })
    told.advance(20_000)
    told.input({ kind: 'knob', name: 'rate', value: 0 })
    told.advance(100_000)
    const { sent, processed, lost } = told.counts()
    assert.ok(sent >= 19)
    assert.deepEqual([processed, lost], [sent, 0])
  })

  it("a line grows where less is handled than comes, as Little's law has it", () => {
    const slow = new Simulation(waiting, { knobs: { rate: 4, work: 800, consumers: 2 } })
    slow.advance(60_000)
    // 2.5 a second of 4: the line is a minute's difference, a tenth more or less.
    const left = slow.queues()[0]!.ready
    assert.ok(left > 75 && left < 105, `${left} wait`)
    const quick = new Simulation(waiting, { knobs: { rate: 4, work: 800, consumers: 5 } })
    quick.advance(60_000)
    assert.ok(quick.queues()[0]!.ready < 10)
  })

  it('gives back what a crashed consumer held, says why, and loses nothing', () => {
    const run = new Simulation(simulator, { knobs: { prefetch: 5, work: 2000, consumers: 2 } })
    run.advance(8000)
    const held = run.consumers.get('worker 1')!.holding.map(({ order }) => order.number)
    assert.equal(held.length, 5)
    run.input({ kind: 'crash', consumer: 'worker 1' })
    run.input({ kind: 'knob', name: 'rate', value: 0 })
    run.advance(60_000)
    const counts = run.counts()
    assert.deepEqual([counts.lost, counts.duplicated, counts.inFlight], [0, 0, 0])
    assert.equal(counts.deliveries, counts.sent + held.length)
    const life = run.history.biography(held[0]!).map(({ text }) => text)
    assert.ok(
      life.includes("Unacknowledged: Worker 1's connection is gone, so the broker gives it back."),
    )
    assert.match(life.at(-1)!, /will never be delivered again/)
  })

  it('sends what nobody can handle to the dead letters after its attempts, and redrives it', () => {
    const run = new Simulation(simulator, { knobs: { poison: 1, attempts: 3, consumers: 4 } })
    run.advance(20_000)
    run.input({ kind: 'knob', name: 'rate', value: 0 })
    run.input({ kind: 'knob', name: 'poison', value: 0 })
    run.advance(20_000)
    const before = run.counts()
    assert.equal(before.dead, Math.floor(before.sent / 10))
    assert.equal(before.inFlight, before.dead)
    assert.match(
      run.history.biography(10).at(-1)!.text,
      /Dead letter: it had used up its attempts in orders/,
    )
    run.input({ kind: 'redrive' })
    run.advance(20_000)
    const after = run.counts()
    assert.deepEqual([after.dead, after.lost, after.duplicated], [0, 0, 0])
    assert.equal(after.processed, after.sent)
  })

  it('keeps what was confirmed through a power cut', () => {
    const run = new Simulation(simulator, { knobs: { rate: 20, consumers: 2 } })
    run.advance(10_000)
    run.input({ kind: 'knob', name: 'rate', value: 0 })
    run.advance(1000)
    const waiting = run.counts().inFlight
    assert.ok(waiting > 100)
    run.input({ kind: 'power' })
    run.input({ kind: 'knob', name: 'consumers', value: 8 })
    run.advance(120_000)
    const counts = run.counts()
    assert.deepEqual([counts.lost, counts.inFlight, counts.processed], [0, 0, counts.sent])
  })

  it('shows three guarantees under the same crash', () => {
    const outcome = [atMostOnce, atLeastOnce, effectivelyOnce].map(scenario => {
      const run = new Simulation(scenario)
      run.advance(60_000)
      const { sent, lost, duplicated, expected, actual } = run.counts()
      return { sent, lost, duplicated, off: actual - expected }
    })
    assert.deepEqual(outcome, [
      { sent: 40, lost: 1, duplicated: 0, off: -100 },
      { sent: 40, lost: 0, duplicated: 1, off: 100 },
      { sent: 40, lost: 0, duplicated: 0, off: 0 },
    ])
  })

  it('fails whole orders where one service is down, and only delays them behind a queue', () => {
    const alone = new Simulation(problem)
    const queued = new Simulation(solution)
    for (const run of [alone, queued]) {
      run.advance(10_000)
      run.input({ kind: 'knob', name: 'warehouseDown', value: 1 })
      run.advance(30_000)
      run.input({ kind: 'knob', name: 'warehouseDown', value: 0 })
      run.advance(30_000)
    }
    assert.ok(alone.counts().lost > 20)
    assert.equal(queued.counts().lost, 0)
    assert.ok(queued.counts().inFlight < 10)
  })

  it('lets a person be the consumer', () => {
    const run = new Simulation(beTheConsumer, { knobs: { rate: 2, lease: 5000 } })
    const you = run.consumers.get('you')!
    run.advance(1000)
    assert.equal(you.holding.length, 1)
    const first = you.holding[0]!.order.number
    run.input({ kind: 'hand', act: 'nack' })
    run.advance(100)
    assert.deepEqual([you.holding[0]!.order.number, you.holding[0]!.attempts], [first, 2])
    // Doing nothing: the lease ends, and it is handed out again.
    run.advance(5500)
    assert.equal(you.holding[0]!.attempts, 3)
    run.input({ kind: 'hand', act: 'ack' })
    run.advance(100)
    assert.deepEqual([run.counts().processed, you.holding[0]!.order.number], [1, first + 1])
    run.input({ kind: 'hand', act: 'reject' })
    run.advance(200)
    assert.equal(run.counts().dead, 1)
  })

  it('is the same for the same seed and inputs, and can be run again to any moment', () => {
    for (const scenario of guideScenarios) {
      const run = new Simulation(scenario, { seed: 5 })
      run.advance(4000)
      run.input({ kind: 'send', count: 20 })
      run.advance(3000)
      run.input({ kind: 'crash', consumer: 'worker 1' })
      run.advance(5000)
      const { inputs, seed } = run
      const { knobs } = new Simulation(scenario, { seed: 5 })
      const again = Simulation.replay(scenario, { seed, knobs, inputs, untilMs: 12_000 })
      assert.deepEqual(again.counts(), run.counts(), scenario.id)
      assert.deepEqual(again.history.items, run.history.items)
      assert.equal(again.fingerprint(), run.fingerprint())
      const earlier = Simulation.replay(scenario, { seed, knobs, inputs, untilMs: 4000 })
      assert.equal(earlier.now, 4000)
    }
  })

  it('goes step by step, a happening at a time', () => {
    const run = new Simulation(simulator)
    for (let step = 1; step <= 20; step++) {
      const before = run.history.items.length
      run.step()
      assert.ok(run.history.items.length > before)
    }
  })
})

describe('the link to a run', () => {
  it('says everything that decides the run, and nothing that is as usual', () => {
    const inputs = [
      { atMs: 5000, input: { kind: 'send', count: 100 } },
      { atMs: 8200.4, input: { kind: 'crash', consumer: 'worker 1' } },
      { atMs: 9000, input: { kind: 'knob', name: 'rate', value: 0.5 } },
      { atMs: 9100, input: { kind: 'heal' } },
      { atMs: 9200, input: { kind: 'hand', act: 'nack' } },
    ] as const
    const knobs = { ...new Simulation(simulator).knobs, work: 1500 }
    const query = toQuery(simulator, { seed: 42, knobs, inputs, atMs: 12_000 })
    assert.equal(query['seed'], undefined)
    assert.equal(query['k'], 'work.1500')
    const params = new URLSearchParams()
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) params.set(name, value)
    const state = fromQuery(simulator, params)
    assert.deepEqual(state, {
      seed: 42,
      knobs,
      inputs: inputs.map(one => ({ ...one, atMs: Math.round(one.atMs) })),
      atMs: 12_000,
    })
  })

  it('takes nothing from a stranger’s link that the page would not do itself', () => {
    const hostile = new URLSearchParams(
      'seed=x&k=rate.1e9,constructor.1,work.NaN&i=1.send.99999999,-5.heal,2.eval.x,3.knob.rate.x&t=-1',
    )
    const state = fromQuery(simulator, hostile)
    assert.deepEqual(state.inputs, [])
    assert.equal(state.seed, 42)
    assert.equal(state.atMs, 0)
    assert.equal(state.knobs['rate'], 50)
    assert.equal(Object.hasOwn(state.knobs, 'constructor'), false)
  })
})
