/**
 * Answers that wait for the disk (I1), in two lines: those that reveal changes, and those that only
 * hand out messages. Gates rise within each line, so the front of a line decides.
 */

import { assert } from '../../base/assert.ts'
import type { EngineDoor } from '../../engine/engine.ts'
import type { Random } from '../../engine/ports.ts'
import type { HttpCall } from './connection.ts'

interface Answer {
  readonly status: number
  readonly headers: { readonly [name: string]: string }
  readonly body: string
  /** The client has gone before the answer left. */
  readonly lost: (() => void) | undefined
}

/** An answer, and whose it is. */
export class Reply {
  readonly call: HttpCall
  readonly answer: Answer
  /** Set when it has to wait. */
  gate = 0

  constructor(call: HttpCall, answer: Answer) {
    this.call = call
    this.answer = answer
  }

  send(): void {
    const { status, headers, body, lost } = this.answer
    if (this.call.aborted) lost?.()
    else this.call.respond(status, headers, body)
  }

  unavailable(): void {
    const headers = { ...this.answer.headers, 'x-amzn-query-error': 'ServiceUnavailable;Receiver' }
    this.call.respond(503, headers, '')
  }
}

export class Replies {
  readonly #engine: EngineDoor
  readonly #lines: Reply[][] = []
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
      for (const line of this.#lines.splice(0)) for (const reply of line) reply.unavailable()
    })
  }

  nextId(): string {
    return `${this.#prefix}-${(++this.#count).toString(16).padStart(12, '0')}`
  }

  get held(): number {
    return this.#lines.reduce((sum, line) => sum + line.length, 0)
  }

  hold(gate: number, reply: Reply): void {
    if (this.#failed) return reply.unavailable()
    if (gate <= this.#engine.released) return reply.send()
    reply.gate = gate
    // The line whose last gate is nearest below: with two kinds of gates there are two lines.
    for (const line of this.#lines) {
      if (line[line.length - 1]!.gate > gate) continue
      line.push(reply)
      return
    }
    this.#lines.push([reply])
  }

  #flush(): void {
    const { released } = this.#engine
    for (let index = this.#lines.length - 1; index >= 0; index--) {
      const line = this.#lines[index]!
      let count = 0
      while (count < line.length && line[count]!.gate <= released) count++
      if (count === 0) continue
      const ready = line.splice(0, count)
      if (line.length === 0) this.#lines.splice(index, 1)
      for (const reply of ready) {
        assert(reply.gate <= released, 'I1: an answer leaves when it is durable')
        reply.send()
      }
    }
  }
}
