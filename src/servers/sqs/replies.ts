/**
 * Answers that wait for the disk (I1), in two lines: those that reveal changes, and those that only
 * hand out messages. Gates rise within each line, so the front of a line decides.
 */

import { assert } from '../../base/assert.ts'
import type { EngineDoor } from '../../engine/engine.ts'
import type { Random } from '../../engine/ports.ts'
import type { HttpCall } from './connection.ts'

export interface Reply {
  readonly call: HttpCall
  readonly status: number
  readonly headers: { readonly [name: string]: string }
  readonly body: string
  /** The client has gone before the answer left. */
  readonly lost: (() => void) | undefined
}

interface Held extends Reply {
  readonly gate: number
}

export class Replies {
  readonly #engine: EngineDoor
  readonly #lines: Held[][] = []
  readonly #prefix: string
  #count = 0
  #failed = false
  /** Told of errors that are ours. */
  report: (error: unknown) => void = () => undefined

  constructor(engine: EngineDoor, random: Random) {
    this.#engine = engine
    const word = () => random.uint32().toString(16).padStart(8, '0')
    const [first, second] = [word(), word()]
    this.#prefix = `${first}-${second.slice(0, 4)}-4${second.slice(5)}-8000`
    engine.onReleased(() => this.#flush())
    engine.onFailure(() => {
      this.#failed = true
      for (const line of this.#lines.splice(0)) for (const held of line) this.#unavailable(held)
    })
  }

  nextId(): string {
    return `${this.#prefix}-${(++this.#count).toString(16).padStart(12, '0')}`
  }

  get held(): number {
    return this.#lines.reduce((sum, line) => sum + line.length, 0)
  }

  hold(gate: number, reply: Reply): void {
    if (this.#failed) return this.#unavailable(reply)
    if (gate <= this.#engine.released) return send(reply)
    const held = { ...reply, gate }
    // The line whose last gate is nearest below: with two kinds of gates there are two lines.
    const line = this.#lines.find(other => other[other.length - 1]!.gate <= gate)
    if (line === undefined) this.#lines.push([held])
    else line.push(held)
  }

  #flush(): void {
    const { released } = this.#engine
    for (let index = this.#lines.length - 1; index >= 0; index--) {
      const line = this.#lines[index]!
      let count = 0
      while (count < line.length && line[count]!.gate <= released) count++
      const ready = line.splice(0, count)
      if (line.length === 0) this.#lines.splice(index, 1)
      for (const held of ready) {
        assert(held.gate <= released, 'I1: an answer leaves when it is durable')
        send(held)
      }
    }
  }

  #unavailable({ call, headers }: Reply): void {
    call.respond(503, { ...headers, 'x-amzn-query-error': 'ServiceUnavailable;Receiver' }, '')
  }
}

function send({ call, status, headers, body, lost }: Reply): void {
  if (call.aborted) lost?.()
  else call.respond(status, headers, body)
}
