/**
 * The SQS server behind its port: HTTP from platform, the server from servers/sqs. The server's
 * code is loaded when the broker is ready; a request that comes before waits for it.
 */

import type { EngineDoor } from '../engine/engine.ts'
import type { Random } from '../engine/ports.ts'
import { systemClock } from '../platform/clock.ts'
import { equalSecrets, hmacSha256 } from '../platform/digest.ts'
import { type HttpCall, listenHttp } from '../platform/http.ts'
import { netTransport } from '../platform/transport.ts'
import { limits } from '../servers/sqs/limits.ts'
import type { sqsServer } from '../servers/sqs/server.ts'
import type { Log } from './log.ts'
import { type Plan, tlsOf } from './plan.ts'

export interface RunningSqs {
  readonly port: number
  /** Long polls end, no new connections; what is being answered still is. */
  stop(): void
  destroy(): void
}

export async function serveSqs(
  { host, port }: { readonly host: string; readonly port: number },
  parts: {
    readonly plan: Plan
    readonly engine: EngineDoor
    readonly random: Random
    readonly log: Log
    readonly later: (() => Promise<void>)[]
  },
): Promise<RunningSqs> {
  const { plan, engine, random, log } = parts
  let server: ReturnType<typeof sqsServer> | undefined
  let waiting: HttpCall[] = []
  parts.later.push(async () => {
    const module = await import('../servers/sqs/server.ts')
    server = module.sqsServer({
      engine,
      random,
      clock: systemClock,
      hmac: hmacSha256,
      equalSecrets,
      keys: plan.sqs.keys,
      coolDownMs: plan.sqs.coolDownMs,
      onError: error => log.error('an SQS request failed', { reason: String(error) }),
    })
    for (const call of waiting) server.handle(call)
    waiting = []
  })
  const handle = (call: HttpCall): void => {
    if (server === undefined) waiting.push(call)
    else server.handle(call)
  }
  const tls = tlsOf(plan, 'sqs')
  const bodyBytesMax = limits.requestBytesMax
  const transport = netTransport({ tls, proxied: plan.proxiedNames.has('sqs') })
  const listening = await listenHttp({ host, port, bodyBytesMax, handle, transport })
  return {
    port: listening.port,
    stop: () => {
      server?.stop()
      listening.close(() => undefined)
    },
    destroy: () => listening.destroy(),
  }
}
