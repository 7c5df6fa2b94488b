/** The knobs that several scenarios share, so that the same word means the same everywhere. */

import type { KnobSpec } from '../scenario.ts'

type Part = Partial<Pick<KnobSpec, 'name' | 'min' | 'max' | 'step' | 'value' | 'label'>>

export function rate(part: Part = {}): KnobSpec {
  return {
    name: 'rate',
    label: 'Orders a second',
    min: 0,
    max: 20,
    value: 2,
    kind: 'rate',
    ...part,
  }
}

export function work(part: Part = {}): KnobSpec {
  return {
    name: 'work',
    label: 'Work time',
    min: 50,
    max: 6000,
    step: 50,
    value: 800,
    kind: 'ms',
    ...part,
  }
}

export function failure(part: Part = {}): KnobSpec {
  return {
    name: 'failure',
    label: 'Failure rate',
    min: 0,
    max: 100,
    step: 5,
    value: 0,
    kind: 'percent',
    ...part,
  }
}

export function consumers(part: Part = {}): KnobSpec {
  return { name: 'consumers', label: 'Consumers', min: 0, max: 8, value: 2, kind: 'count', ...part }
}

export function prefetch(part: Part = {}): KnobSpec {
  return { name: 'prefetch', label: 'Prefetch', min: 1, max: 100, value: 1, kind: 'count', ...part }
}

export function lease(part: Part = {}): KnobSpec {
  return {
    name: 'lease',
    label: 'Lease',
    min: 500,
    max: 30_000,
    step: 500,
    value: 5000,
    kind: 'ms',
    ...part,
  }
}

export function attempts(part: Part = {}): KnobSpec {
  return { name: 'attempts', label: 'Attempts', min: 1, max: 10, value: 3, kind: 'count', ...part }
}

export function toggle(name: string, label: string, value = 0): KnobSpec {
  return { name, label, min: 0, max: 1, value, kind: 'switch' }
}

/** Work takes about so long: a fifth more or less. */
export function around(ms: number): readonly [number, number] {
  return [Math.round(ms * 0.8), Math.round(ms * 1.2)]
}
