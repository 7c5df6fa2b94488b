/**
 * The end of a handler's time, before it returns. An `AbortController` costs more than the rest of
 * a message's bookkeeping, and most handlers never look at it: it is made when one does.
 */
export class Abort {
  #controller: AbortController | undefined
  #reason: unknown
  #isAborted = false

  get isAborted(): boolean {
    return this.#isAborted
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#isAborted) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    if (this.#isAborted) return
    this.#isAborted = true
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}
