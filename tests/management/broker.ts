/** An AMQP server with the management API, on free ports, in this process. */

import { SeededRandom } from '../../src/base/random.ts'
import { type EngineDoor, openEngine } from '../../src/engine/engine.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { listenHttp } from '../../src/platform/http.ts'
import { passwordDigest } from '../../src/platform/password-digest.ts'
import { systemRandom } from '../../src/platform/random.ts'
import { netTransport } from '../../src/platform/transport.ts'
import { Rates } from '../../src/servers/amqp/management/rates.ts'
import {
  type About,
  type ManagementServer,
  managementServer,
  prometheusServer,
} from '../../src/servers/amqp/management/server.ts'
import { amqpServer } from '../../src/servers/amqp/server.ts'
import { Connections } from '../../src/servers/listener.ts'
import { SimulatedStorage } from '../../src/testing/storage.ts'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test asserts on whatever shape came
  readonly json: any
}

export interface ManagedBroker {
  readonly engine: EngineDoor
  readonly amqpPort: number
  readonly httpPort: number
  /** Where the Prometheus plugin listens. */
  readonly metricsPort: number
  /** `user`: `name:password`, guest unless given. */
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Answer>
  url(user?: string, vhost?: string): string
  /** The same storage, another process as it were. */
  restart(): Promise<ManagedBroker>
  stop(): Promise<void>
}

export interface CallOptions {
  readonly user?: string
  readonly headers?: { readonly [name: string]: string }
}

export async function startManaged(kept?: SimulatedStorage): Promise<ManagedBroker> {
  const random = new SeededRandom(1)
  const storage = kept ?? new SimulatedStorage({ clock: systemClock, random, latencyMaxMs: 0 })
  const engine = openEngine({ clock: systemClock, storage, random: systemRandom })
  const connections = new Connections({ clock: systemClock, engine })
  const { now } = systemClock
  const server = amqpServer({ engine, random: systemRandom, now, digest: passwordDigest })
  const transport = netTransport()
  const host = '127.0.0.1'
  const amqp = await connections.listen({ server, transport, address: { host, port: 0 } })
  const about: About = {
    nodeName: 'spillway@localhost',
    version: '1.0.0',
    diskFreeMin: 0,
    rates: new Rates(() => systemClock.monotonic()),
    listeners: () => [{ protocol: 'amqp', host, port: amqp.port }],
    usage: () => {
      return { pid: 1, memoryBytes: 1, memoryLimitBytes: 2, uptimeMs: 3, processors: 1 }
    },
  }
  const listen = ({ handle, requestBytesMax: bodyBytesMax }: ManagementServer) =>
    listenHttp({ host, port: 0, bodyBytesMax, handle })
  const http = await listen(managementServer(server.broker, about))
  const metrics = await listen(prometheusServer(server.broker, about))
  const stop = async (): Promise<void> => {
    connections.destroy()
    for (const each of [http, metrics]) {
      await new Promise<void>(resolve => {
        each.close(resolve)
        each.destroy()
      })
    }
    await new Promise<void>(resolve => engine.close(resolve))
  }
  return {
    engine,
    amqpPort: amqp.port,
    httpPort: http.port,
    metricsPort: metrics.port,
    call: (method, path, body, options) => call(http.port, method, path, body, options),
    url: (user = 'guest:guest', vhost = '/') =>
      `amqp://${user}@${host}:${amqp.port}/${encodeURIComponent(vhost)}?heartbeat=0`,
    restart: async () => {
      await stop()
      return await startManaged(storage)
    },
    stop,
  }
}

async function call(
  port: number,
  method: string,
  path: string,
  body?: unknown,
  { user = 'guest:guest', headers = {} }: CallOptions = {},
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}/api${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(user).toString('base64')}`,
      'content-type': 'application/json',
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const json = text === '' ? undefined : JSON.parse(text)
  return { status: response.status, headers: response.headers, json }
}
