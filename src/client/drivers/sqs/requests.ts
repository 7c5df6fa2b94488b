/**
 * Requests to SQS, made again where that is safe. SQS knows no connections: it is called lost when
 * a request cannot be made, and found when one is answered again.
 */

import type { SQSClient } from '@aws-sdk/client-sqs'
import type { DriverContext } from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import { backend, errorOf, hadNoEffect, kindOf } from './errors.ts'

/** Waits before the second attempt and those after it, in milliseconds. */
const pausesMs = [50, 200, 800]

export interface RequestOptions {
  /** For errors: `orders: SendMessageBatch`. */
  readonly about: string
  /**
   * Twice is as good as once. Of other requests only those are made again that cannot have done
   * anything.
   */
  readonly isRepeatable: boolean
}

export class Requests {
  readonly client: SQSClient
  readonly #context: DriverContext
  #isDown = false
  #isClosed = false

  constructor(client: SQSClient, context: DriverContext) {
    this.client = client
    this.#context = context
  }

  /** Rejects with a `ClientError`. */
  async call<Output>(
    request: (client: SQSClient) => Promise<Output>,
    { about, isRepeatable }: RequestOptions,
  ): Promise<Output> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.once(request)
      } catch (error) {
        if (this.#isClosed) throw closed(about)
        const pauseMs = pausesMs[attempt]
        const isAgain = hadNoEffect(error) || (isRepeatable && mayPass(error))
        if (pauseMs === undefined || !isAgain) throw errorOf(error, about)
        await this.pause(pauseMs)
      }
    }
  }

  /** One attempt; rejects with what the SDK throws. */
  async once<Output>(request: (client: SQSClient) => Promise<Output>): Promise<Output> {
    try {
      const output = await request(this.client)
      this.#up()
      return output
    } catch (error) {
      if (kindOf(error) === 'connection') this.#down(error)
      else this.#up()
      throw error
    }
  }

  /** Somewhere between half of `ms` and all of it, so that many clients do not come back as one. */
  pause(ms: number): Promise<void> {
    const { clock, random } = this.#context
    const share = 0.5 + random.uint32() / 2 ** 33
    return new Promise(resolve => {
      clock.schedule(ms * share, resolve)
    })
  }

  close(): void {
    this.#isClosed = true
    this.client.destroy()
  }

  #down(cause: unknown): void {
    if (this.#isDown || this.#isClosed) return
    this.#isDown = true
    const error = errorOf(cause, 'SQS does not answer')
    this.#context.emit({ kind: 'disconnected', backend, error })
  }

  #up(): void {
    if (!this.#isDown) return
    this.#isDown = false
    this.#context.emit({ kind: 'connected', backend })
  }
}

/** True when the same request may succeed later. */
export function mayPass(error: unknown): boolean {
  const kind = kindOf(error)
  return kind === 'connection' || kind === 'broken' || kind === 'throttled'
}

function closed(about: string): ClientError {
  const why = `${about}: this bus is closed.`
  return new ClientError({ code: 'SPILLWAY_E_CLOSED', backend, why })
}
