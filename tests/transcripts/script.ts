/** What a scenario says, step by step, and how its steps are written down. */

import type { Fields } from '../harness/amqp-codec.ts'

export interface Step {
  /** Which of the scenario's connections; each is opened when it is first named. */
  readonly on: string
  readonly action:
    | {
        readonly kind: 'method'
        readonly channel: number
        readonly name: string
        readonly fields: Fields
      }
    | {
        readonly kind: 'publish'
        readonly channel: number
        readonly fields: Fields
        readonly properties: Fields
        readonly body: string
      }
    | { readonly kind: 'bytes'; readonly hex: string }
    | { readonly kind: 'greet'; readonly user: string; readonly password: string }
  /** How many things the broker says then: a frame each, and the end of the connection. */
  readonly answers: number
}

export interface Scenario {
  readonly name: string
  /** False: the connection is only connected, not greeted; true: it is open, with channel 1. */
  readonly opened: boolean
  readonly steps: readonly Step[]
}

export function scenario(name: string, ...steps: Step[]): Scenario {
  return { name, opened: true, steps }
}

export function bareScenario(name: string, ...steps: Step[]): Scenario {
  return { name, opened: false, steps }
}

export function call(name: string, fields: Fields = {}, answers = 1, channel = 1): Step {
  return { on: 'a', action: { kind: 'method', channel, name, fields }, answers }
}

export function publish(
  fields: Fields,
  {
    body = 'x',
    properties = {},
    answers = 0,
  }: { body?: string; properties?: Fields; answers?: number } = {},
): Step {
  return { on: 'a', action: { kind: 'publish', channel: 1, fields, properties, body }, answers }
}

export function bytes(hex: string, answers: number): Step {
  return { on: 'a', action: { kind: 'bytes', hex }, answers }
}

export function greet(user: string, password: string, answers: number): Step {
  return { on: 'a', action: { kind: 'greet', user, password }, answers }
}

export function onOther(step: Step): Step {
  return { ...step, on: 'b' }
}

/** The step as one readable line of the transcript. */
export function describeStep({ on, action }: Step): string {
  switch (action.kind) {
    case 'method':
      return `${on}/${action.channel} ${action.name} ${JSON.stringify(action.fields)}`
    case 'publish': {
      const { channel, fields, properties, body } = action
      const content = `${JSON.stringify(properties)} ${JSON.stringify(body)}`
      return `${on}/${channel} basic.publish ${JSON.stringify(fields)} ${content}`
    }
    case 'bytes':
      return `${on} bytes ${action.hex}`
    case 'greet':
      return `${on} start-ok as ${action.user}`
  }
}
