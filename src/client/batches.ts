/**
 * Handlers that take several messages at a time: so many, or those that came in so long, whichever
 * is first. Each message has its own fate. Of one key there is one message in a batch, at most, so
 * that a failure is not overtaken by what came behind it.
 *
 *     bus.consumeBatch(orders, batch => insertAll(batch.map(({ body }) => body)), { size: 100 })
 */

import { type Duration, toMs } from './backoff.ts'
import type { ConsumeOptions } from './consumers.ts'
import type { Message } from './message.ts'
import type { Failure, Handling, Intake } from './worker.ts'

export interface BatchOptions extends ConsumeOptions {
  /** Messages in a batch, at most. */
  readonly size: number
  /** How long the first message of a batch waits for others. Default 100 ms. */
  readonly wait?: Duration | undefined
}

/**
 * Return: all are done. Throw: all are tried again, each by its own count. A message that the
 * handler settles itself (`message.retry()`, `message.reject()`) has that fate alone; and where the
 * handler returns what `Promise.allSettled` made of its messages, those that were rejected fail
 * alone.
 *
 *     batch => Promise.allSettled(batch.map(({ body }) => charge(body)))
 */
export type BatchHandler<Out> = (messages: readonly Message<Out>[]) => unknown

export function inBatches<Out>(
  { policy, group }: Pick<Intake<Out>, 'policy' | 'group'>,
  handler: BatchHandler<Out>,
  { size, wait = '100ms' }: Pick<BatchOptions, 'size' | 'wait'>,
): Handling<Out> {
  const { telemetry } = policy.session
  const where = { source: policy.source, group: group?.name }
  return {
    size,
    waitMs: toMs(wait),
    call: async messages => {
      if (telemetry === undefined) return failuresOf(await handler(messages), messages.length)
      const deliveries = messages.map(({ delivery }) => delivery)
      let failures: readonly (Failure | undefined)[] = []
      await telemetry.handlingBatch(deliveries, where, async () => {
        failures = failuresOf(await handler(messages), messages.length)
        return failures.find(failure => failure !== undefined)?.error
      })
      return failures
    },
  }
}

/** By what `Promise.allSettled` returned; whatever else is returned says nothing. */
function failuresOf(returned: unknown, count: number): readonly (Failure | undefined)[] {
  if (!Array.isArray(returned) || returned.length !== count) return []
  const results: readonly unknown[] = returned
  return results.map(result => {
    const { status, reason } = (result ?? {}) as { status?: unknown; reason?: unknown }
    return status === 'rejected' ? { error: reason } : undefined
  })
}
