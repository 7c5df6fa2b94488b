/**
 * Plays a simulation: real time in, virtual time out. Going back is running again from the seed, so
 * a moment looks the same however it was reached. What the reader did after that moment is kept,
 * and happens again, until they do something else.
 */

import { batch, signal } from '@preact/signals'
import { fromQuery, type LinkState, toQuery } from '../../../src/simulator/link.ts'
import type { Input, Knobs, Scenario, TimedInput } from '../../../src/simulator/scenario.ts'
import { Simulation } from '../../../src/simulator/simulation.ts'

/** Longest stretch of real time that one frame makes up for: a page in the background slept. */
const frameMsMax = 50
/** The page's text follows at this pace; the canvas follows every frame. */
const textEveryMs = 100

export const speeds = [0.25, 1, 4, 20, 100] as const

export class Player {
  readonly scenario: Scenario
  readonly isPlaying = signal(false)
  readonly speed = signal(1)
  /** Rises when the text should be drawn again. */
  readonly tick = signal(0)
  /** The farthest moment that was seen: the scrubber's end, at least a play's length. */
  readonly reached = signal(0)
  readonly chosen = signal<number | undefined>(undefined)
  /** Knobs that were moved last, for the code that shows them. */
  readonly moved = signal<string | undefined>(undefined)
  run: Simulation
  /** Called each frame after time has moved. */
  onFrame: (() => void) | undefined
  #seed: number
  #knobs: Knobs
  #planned: TimedInput[]
  #frame = 0
  #lastFrame = 0
  #lastText = 0

  constructor(scenario: Scenario, state?: LinkState) {
    this.scenario = scenario
    this.#seed = state?.seed ?? scenario.seed
    this.#knobs = state?.knobs ?? {}
    this.#planned = [...(state?.inputs ?? [])]
    this.run = new Simulation(scenario, { seed: this.#seed, knobs: this.#knobs })
    this.reached.value = scenario.lengthMs ?? 60_000
    if (state !== undefined && state.atMs > 0) this.seek(state.atMs)
  }

  static fromQuery(scenario: Scenario, query: URLSearchParams): Player {
    return new Player(scenario, fromQuery(scenario, query))
  }

  query(): { [name: string]: string | undefined } {
    return toQuery(this.scenario, {
      seed: this.#seed,
      knobs: { ...this.#firstKnobs() },
      inputs: this.#planned,
      atMs: Math.round(this.run.now),
    })
  }

  play(): void {
    if (this.isPlaying.value) return
    this.isPlaying.value = true
    this.#lastFrame = performance.now()
    this.#frame = requestAnimationFrame(at => this.#onFrame(at))
  }

  pause(): void {
    this.isPlaying.value = false
    cancelAnimationFrame(this.#frame)
    this.#show()
  }

  toggle(): void {
    if (this.isPlaying.value) this.pause()
    else this.play()
  }

  /** On to the next happening. */
  step(): void {
    this.pause()
    this.run.step()
    this.#show()
  }

  /** So much time at once, without showing it pass. */
  skip(ms: number): void {
    this.#advance(ms)
    this.#show()
  }

  seek(ms: number): void {
    if (ms >= this.run.now) this.#advance(ms - this.run.now)
    else {
      this.run = Simulation.replay(this.scenario, {
        seed: this.#seed,
        knobs: this.#knobs,
        inputs: this.#planned,
        untilMs: ms,
      })
    }
    this.#show()
  }

  /** From the beginning, as it was opened: what the reader did is forgotten, the knobs stay. */
  restart(seed = this.#seed): void {
    this.#knobs = this.run.knobs
    this.#seed = seed
    this.#planned = []
    this.run = new Simulation(this.scenario, { seed, knobs: this.#knobs })
    batch(() => {
      this.chosen.value = undefined
      this.#show()
    })
  }

  get seed(): number {
    return this.#seed
  }

  act(input: Input): void {
    this.#planned = this.#planned.filter(({ atMs }) => atMs <= this.run.now)
    this.#planned.push({ atMs: this.run.now, input })
    this.run.input(input)
    this.#show()
  }

  /** Before the beginning a knob is a setting; later it is something that happened. */
  turn(name: string, value: number): void {
    this.moved.value = name
    const restarts = this.scenario.knobs.some(knob => knob.name === name && knob.restarts)
    if (restarts) this.#planned = []
    if (this.run.now > 0 && !restarts) {
      const last = this.#planned.at(-1)
      // A slider on its way: only where it came to rest is part of the run.
      if (last?.input.kind === 'knob' && last.input.name === name && last.atMs === this.run.now) {
        this.#planned.pop()
        this.run.inputs.pop()
      }
      this.act({ kind: 'knob', name, value })
      return
    }
    this.#knobs = { ...this.run.knobs, [name]: value }
    this.run = new Simulation(this.scenario, { seed: this.#seed, knobs: this.#knobs })
    this.#show()
  }

  dispose(): void {
    cancelAnimationFrame(this.#frame)
    this.onFrame = undefined
  }

  #firstKnobs(): Knobs {
    return {
      ...Object.fromEntries(this.scenario.knobs.map(k => [k.name, k.value])),
      ...this.#knobs,
    }
  }

  #onFrame(at: number): void {
    const elapsed = Math.min(frameMsMax, at - this.#lastFrame)
    this.#lastFrame = at
    this.#advance(elapsed * this.speed.value)
    this.onFrame?.()
    if (at - this.#lastText >= textEveryMs) {
      this.#lastText = at
      this.#show()
    }
    if (this.isPlaying.value) this.#frame = requestAnimationFrame(next => this.#onFrame(next))
  }

  /** Moves time on; what was done before at a moment happens at that moment again. */
  #advance(ms: number): void {
    const until = this.run.now + ms
    const done = this.run.inputs.length
    for (const { atMs, input } of this.#planned.slice(done)) {
      if (atMs > until) break
      this.run.advance(Math.max(0, atMs - this.run.now))
      this.run.input(input)
    }
    this.run.advance(until - this.run.now)
  }

  #show(): void {
    batch(() => {
      this.tick.value++
      if (this.run.now > this.reached.value) this.reached.value = this.run.now
    })
    if (!this.isPlaying.value) this.onFrame?.()
  }
}
