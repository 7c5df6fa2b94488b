/** RabbitMQ's management API behind its port, and definitions at the start. */

import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Endpoint } from '../admin/contract.ts'
import { systemClock } from '../platform/clock.ts'
import { listenHttp } from '../platform/http.ts'
import { processUsage } from '../platform/process.ts'
import { importDefinitions } from '../servers/amqp/management/definitions.ts'
import { HttpRefusal } from '../servers/amqp/management/http.ts'
import { Rates } from '../servers/amqp/management/rates.ts'
import {
  type About,
  managementServer,
  prometheusServer,
} from '../servers/amqp/management/server.ts'
import type { AmqpServer } from '../servers/amqp/server.ts'
import { CommandFailure, usageFailure } from './failure.ts'
import { type Plan, tlsOf } from './plan.ts'
import { readVersion } from './version.ts'

export interface RunningManagement {
  readonly port: number
  stop(): void
  destroy(): void
}

interface Parts {
  readonly plan: Plan
  readonly server: AmqpServer
  readonly endpoints: readonly Endpoint[]
}

/** The whole API, or what the Prometheus plugin has on a port of its own. */
export async function serveManagement(
  { host, port }: { readonly host: string; readonly port: number },
  what: 'management' | 'prometheus',
  parts: Parts,
): Promise<RunningManagement> {
  const tls = tlsOf(parts.plan, what)
  const serve = what === 'management' ? managementServer : prometheusServer
  const { requestBytesMax: bodyBytesMax, handle } = serve(parts.server.broker, aboutOf(parts))
  const listening = await listenHttp({ host, port, tls, bodyBytesMax, handle })
  return {
    port: listening.port,
    stop: () => listening.close(() => undefined),
    destroy: () => listening.destroy(),
  }
}

function aboutOf({ plan, endpoints }: Parts): About {
  return {
    nodeName: 'spillway@localhost',
    version: readVersion(),
    diskFreeMin: plan.diskFreeMin,
    rates: new Rates(systemClock.monotonic),
    listeners: () => endpoints.map(endpoint => ({ ...endpoint, protocol: protocolOf(endpoint) })),
    usage: () => {
      const { residentBytes, uptimeMs } = processUsage()
      return {
        pid: process.pid,
        memoryBytes: residentBytes,
        memoryLimitBytes: plan.memoryHighBytes,
        uptimeMs,
        processors: availableParallelism(),
      }
    },
  }
}

/** RabbitMQ's names: `amqp/ssl` is AMQP with TLS, `http` the management API. */
function protocolOf({ name, url }: Endpoint): string {
  if (name === 'amqp') return url.startsWith('amqps') ? 'amqp/ssl' : 'amqp'
  if (name === 'management') return url.startsWith('https') ? 'https' : 'http'
  return name === 'prometheus' ? 'http/prometheus' : name
}

/** Definitions in RabbitMQ's format: what is there already stays as it is. */
export function loadDefinitions(file: string, { broker }: AmqpServer): void {
  let given: unknown
  try {
    given = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw usageFailure(`${file} cannot be read: ${(error as Error).message}.`)
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw usageFailure(`${file} has no definitions: it must be an object.`)
  }
  try {
    importDefinitions(broker, given as { readonly [name: string]: unknown })
  } catch (error) {
    if (!(error instanceof HttpRefusal)) throw error
    const reason = typeof error.reason === 'string' ? error.reason : JSON.stringify(error.reason)
    throw new CommandFailure('SPILLWAY_E_DEFINITIONS', `${file}: ${reason.trim()}.`)
  }
}
