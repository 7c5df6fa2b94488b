/** The SQS server behind its port: HTTP from platform, the server from servers/sqs. */

import type { EngineDoor } from '../engine/engine.ts'
import type { Random } from '../engine/ports.ts'
import { systemClock } from '../platform/clock.ts'
import { equalSecrets, hmacSha256 } from '../platform/digest.ts'
import { listenHttp } from '../platform/http.ts'
import { sqsServer } from '../servers/sqs/server.ts'
import type { Log } from './log.ts'
import type { Plan } from './plan.ts'

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
  },
): Promise<RunningSqs> {
  const { plan, engine, random, log } = parts
  const server = sqsServer({
    engine,
    random,
    clock: systemClock,
    hmac: hmacSha256,
    equalSecrets,
    keys: plan.sqs.keys,
    coolDownMs: plan.sqs.coolDownMs,
    onError: error => log.error('an SQS request failed', { reason: String(error) }),
  })
  const { tls } = plan
  const bodyBytesMax = server.requestBytesMax
  const listening = await listenHttp({ host, port, tls, bodyBytesMax, handle: server.handle })
  return {
    port: listening.port,
    stop: () => {
      server.stop()
      listening.close(() => undefined)
    },
    destroy: () => listening.destroy(),
  }
}
