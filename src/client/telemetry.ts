/**
 * What the client tells an observer: what it sends, and what it handles. Without one nothing is
 * told and nothing costs. The observer that there is is OpenTelemetry (`opentelemetry.ts`).
 */

import type { Delivery, Driver, Headers, Outgoing, SendResult, Work } from './driver.ts'

export interface Telemetry {
  /** The messages with the trace in their headers, and what is called at the end. */
  sending(messages: readonly Outgoing[]): {
    readonly messages: readonly Outgoing[]
    readonly ended: (results: readonly SendResult[] | Error) => void
  }
  /** The trace that is going on, as headers; none where none is. For what is sent later. */
  current(): Headers
  /** Runs a handler inside the trace of its message; passes on what it throws. */
  handling(
    delivery: Delivery,
    where: { readonly source: string; readonly group: string | undefined },
    run: () => Promise<void>,
  ): Promise<void>
  /** The same for several, linked to the trace of each; `run` returns what went wrong with some. */
  handlingBatch(
    deliveries: readonly Delivery[],
    where: { readonly source: string; readonly group: string | undefined },
    run: () => Promise<unknown>,
  ): Promise<void>
}

/** A driver whose sends are observed, alone or in a transaction. */
export function observedDriver(driver: Driver, telemetry: Telemetry): Driver {
  const observed = {
    send: (messages: readonly Outgoing[]) =>
      observe(telemetry, messages, traced => driver.send(traced)),
    commit: (work: Work) =>
      observe(telemetry, work.send, traced => driver.commit({ ...work, send: traced })),
  }
  return new Proxy(driver, {
    get: (target, name) => {
      if (name === 'send' || name === 'commit') return observed[name]
      if (name === 'post') return undefined
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

async function observe(
  telemetry: Telemetry,
  messages: readonly Outgoing[],
  run: (traced: readonly Outgoing[]) => Promise<readonly SendResult[]>,
): Promise<readonly SendResult[]> {
  if (messages.length === 0) return run(messages)
  const sending = telemetry.sending(messages)
  try {
    const results = await run(sending.messages)
    sending.ended(results)
    return results
  } catch (error) {
    sending.ended(error as Error)
    throw error
  }
}
