/**
 * A run in a link: the seed, the knobs that were turned, and what the reader did, each in a few
 * letters. Whoever opens the link sees the same run, to the millisecond.
 *
 *     seed=42&k=rate.4,work.1500&i=5000.send.100,8200.crash.worker+1&t=12000
 */

import { defaultKnobs, type Input, type Knobs, type Scenario, type TimedInput } from './scenario.ts'

export interface LinkState {
  readonly seed: number
  readonly knobs: Knobs
  readonly inputs: readonly TimedInput[]
  /** Where the run stands, in milliseconds. */
  readonly atMs: number
}

/** Inputs that a link carries; a run with more is shared without the rest. */
const inputsMax = 60

export function toQuery(
  scenario: Scenario,
  state: LinkState,
): { [name: string]: string | undefined } {
  const usual = defaultKnobs(scenario)
  const turned = Object.entries(state.knobs).filter(([name, value]) => usual[name] !== value)
  const inputs = state.inputs.slice(0, inputsMax).map(({ atMs, input }) => {
    return `${Math.round(atMs)}.${wordsOf(input).join('.')}`
  })
  return {
    seed: state.seed === scenario.seed ? undefined : String(state.seed),
    k:
      turned.length === 0 ? undefined : turned.map(([name, value]) => `${name}.${value}`).join(','),
    i: inputs.length === 0 ? undefined : inputs.join(','),
    t: state.atMs === 0 ? undefined : String(Math.round(state.atMs)),
  }
}

/** What a query says; anything that it does not understand is left out. */
export function fromQuery(
  scenario: Scenario,
  query: { get(name: string): string | null },
): LinkState {
  const knobs: { [name: string]: number } = { ...defaultKnobs(scenario) }
  for (const part of split(query.get('k'))) {
    const dot = part.indexOf('.')
    const spec = scenario.knobs.find(knob => knob.name === part.slice(0, dot))
    const value = Number(part.slice(dot + 1))
    if (spec !== undefined && Number.isFinite(value)) {
      knobs[spec.name] = Math.min(spec.max, Math.max(spec.min, value))
    }
  }
  const inputs = split(query.get('i'))
    .slice(0, inputsMax)
    .flatMap(part => {
      const [at = '', kind = '', ...rest] = part.split('.')
      const input = inputFrom(kind, rest)
      const atMs = Number(at)
      return input === undefined || !isMoment(atMs) ? [] : [{ atMs, input }]
    })
  const seed = Number(query.get('seed') ?? scenario.seed)
  const atMs = Number(query.get('t') ?? 0)
  return {
    seed: Number.isSafeInteger(seed) ? seed : scenario.seed,
    knobs,
    inputs: inputs.sort((a, b) => a.atMs - b.atMs),
    atMs: isMoment(atMs) ? atMs : 0,
  }
}

/** An hour is longer than anybody watches, and short enough to be run again at once. */
function isMoment(ms: number): boolean {
  return Number.isFinite(ms) && ms >= 0 && ms <= 3_600_000
}

function split(text: string | null): string[] {
  return text === null || text === '' ? [] : text.split(',')
}

function wordsOf(input: Input): string[] {
  switch (input.kind) {
    case 'knob':
      return ['knob', input.name, String(input.value)]
    case 'send':
      return ['send', String(input.count)]
    case 'crash':
    case 'pause':
      return [input.kind, input.consumer]
    case 'hand':
      return ['hand', input.act]
    default:
      return [input.kind]
  }
}

function inputFrom(kind: string, rest: readonly string[]): Input | undefined {
  const [first = '', ...more] = rest
  switch (kind) {
    case 'knob': {
      const value = Number(more.join('.'))
      return Number.isFinite(value) ? { kind, name: first, value } : undefined
    }
    case 'send': {
      const count = Number(first)
      return Number.isInteger(count) && count > 0 && count <= 10_000 ? { kind, count } : undefined
    }
    case 'crash':
    case 'pause':
      return { kind, consumer: first }
    case 'hand':
      return first === 'ack' || first === 'nack' || first === 'reject' || first === 'crash'
        ? { kind, act: first }
        : undefined
    case 'crash-producer':
    case 'heal':
    case 'power':
    case 'redrive':
      return { kind }
    default:
      return undefined
  }
}
