/**
 * A whole broker in a test's own process: any of the four protocols on free ports, and the client's
 * own URL, over one engine in memory. Existing code that uses amqplib, kafkajs, the AWS SDK or a
 * Redis client tests against it unmodified.
 */

import { SeededRandom } from '../base/random.ts'
import type { Bus } from '../client/bus.ts'
import { type ConnectOptions, connect } from '../client/connect.ts'
import { lend } from '../client/drivers/embedded/store.ts'
import { type EngineDoor, openEngine } from '../engine/engine.ts'
import type { Clock } from '../engine/ports.ts'
import { systemClock } from '../platform/clock.ts'
import { equalSecrets, hmacSha256 } from '../platform/digest.ts'
import { listenHttp } from '../platform/http.ts'
import { passwordDigest } from '../platform/password-digest.ts'
import { systemRandom } from '../platform/random.ts'
import { netTransport } from '../platform/transport.ts'
import type { ProtocolServer } from '../servers/connection.ts'
import { Connections } from '../servers/listener.ts'
import type { Transport } from '../servers/transport.ts'
import { SimulatedStorage } from '../testing/storage.ts'
import { Chronicle } from './chronicle.ts'
import { ManualClock } from './clock.ts'
import { FaultInjector, type Faults } from './faults.ts'
import { Inspection } from './inspection.ts'

export type Protocol = 'amqp' | 'kafka' | 'sqs' | 'redis'

export interface BrokerOptions {
  /** Which ports to open. Default: all four. */
  readonly protocols?: readonly Protocol[]
  /** `manual`: delays, leases and ages pass when `clock.advance` says so. Default: `system`. */
  readonly clock?: 'system' | 'manual'
  /** Every id that the broker makes follows from it. Default: chance. */
  readonly seed?: number
}

export interface TestBroker extends AsyncDisposable {
  /** For each protocol that was asked for, and `embedded` for `connect` of this package. */
  readonly urls: { readonly [protocol in Protocol | 'embedded']: string }
  /** With `clock: 'manual'`; otherwise `advance` rejects. */
  readonly clock: Pick<ManualClock, 'now' | 'advance'>
  readonly faults: Faults
  readonly harness: Inspection
  readonly engine: EngineDoor
  /** A bus on this broker, and in its time. */
  connect(options?: ConnectOptions): Promise<Bus>
  close(): Promise<void>
}

const host = '127.0.0.1'
let started = 0

/**
 * Starts a broker. Any number of them, side by side; they share nothing.
 *
 *     await using broker = await startBroker({ protocols: ['amqp'], clock: 'manual' })
 *     const connection = await amqp.connect(broker.urls.amqp)
 *     await broker.clock.advance('10m')
 */
export async function startBroker(options: BrokerOptions = {}): Promise<TestBroker> {
  const { protocols = ['amqp', 'kafka', 'sqs', 'redis'], seed } = options
  const manual = options.clock === 'manual' ? new ManualClock() : undefined
  const clock: Clock = manual ?? systemClock
  const random = seed === undefined ? systemRandom : new SeededRandom(seed)
  const storage = new SimulatedStorage({ clock, random: new SeededRandom(1), latencyMaxMs: 0 })
  const faults = new FaultInjector(storage)
  const chronicle = new Chronicle()
  const engine = chronicle.watch(
    openEngine({ clock, random, storage }, { durability: { kind: 'memory' } }),
  )
  faults.engine = engine
  const serving = new Serving({
    engine,
    clock: manual?.forSockets ?? systemClock,
    random,
    transport: faults.transport(netTransport()),
  })
  const urls: { [protocol in Protocol | 'embedded']: string } = {
    embedded: `memory:test-broker-${++started}`,
    amqp: '',
    kafka: '',
    sqs: '',
    redis: '',
  }
  const takeBack = lend(urls.embedded, engine)
  const buses: Bus[] = []
  let closing: Promise<void> | undefined
  const close = async () => {
    await Promise.all(buses.map(bus => bus.close({ timeout: 0 })))
    takeBack()
    // What waits for room could not be written, and the engine not be closed.
    faults.freeDisk()
    serving.destroy()
    await closed(engine, manual)
  }
  try {
    for (const protocol of protocols) urls[protocol] = await serving.open(protocol)
  } catch (error) {
    await close()
    throw error
  }
  return {
    urls: new Proxy(urls, { get: (all, name) => urlOf(all, String(name)) }),
    clock: manual ?? { now: systemClock.now, advance: refuseToAdvance },
    faults,
    harness: new Inspection(engine, chronicle, clock.now()),
    engine,
    connect: async (own = {}) => {
      const bus = await connect(urls.embedded, { clock, ...own })
      buses.push(bus)
      return bus
    },
    close: () => {
      closing ??= close()
      return closing
    },
    [Symbol.asyncDispose]: () => {
      closing ??= close()
      return closing
    },
  }
}

/** Closing may wait for a write that is tried again later: then time goes on until it is. */
async function closed(engine: EngineDoor, manual: ManualClock | undefined): Promise<void> {
  let isClosed = false
  const closing = new Promise<void>(resolve => engine.close(resolve)).then(() => {
    isClosed = true
  })
  while (manual !== undefined && !isClosed) await manual.advance(1000)
  await closing
}

/** A protocol that was not asked for has no port: say so, and not something about an empty URL. */
function urlOf(urls: { readonly [name: string]: string }, name: string): string | undefined {
  if (urls[name] !== '') return urls[name]
  throw new TypeError(`no ${name} here: startBroker({ protocols: ['${name}', …] })`)
}

function refuseToAdvance(): Promise<void> {
  return Promise.reject(
    new TypeError("this clock goes by itself: startBroker({ clock: 'manual' })"),
  )
}

interface ServingParts {
  readonly engine: EngineDoor
  readonly clock: Clock
  readonly random: { uint32(): number }
  readonly transport: Transport
}

/** The servers behind their ports. Their code is loaded when they are asked for. */
class Serving {
  readonly #parts: ServingParts
  readonly #connections: Connections
  readonly #ends: (() => void)[] = []

  constructor(parts: ServingParts) {
    this.#parts = parts
    this.#connections = new Connections({ clock: systemClock, engine: parts.engine })
  }

  /** Opens a port; its URL. */
  async open(protocol: Protocol): Promise<string> {
    const { engine, clock, random } = this.#parts
    switch (protocol) {
      case 'amqp': {
        const { amqpServer } = await import('../servers/amqp/server.ts')
        const options = { engine, random, now: clock.now, digest: passwordDigest }
        return `amqp://${host}:${await this.#listen(amqpServer(options))}`
      }
      case 'kafka': {
        const { kafkaServer } = await import('../servers/kafka/server.ts')
        // Nobody else is on the way to the group, in a test.
        const server = kafkaServer({ engine, clock, random, initialRebalanceDelayMs: 0 })
        this.#ends.push(() => server.close())
        return `kafka://${host}:${await this.#listen(server)}`
      }
      case 'redis': {
        const { redisServer } = await import('../servers/redis/server.ts')
        return `redis://${host}:${await this.#listen(redisServer({ engine, clock, random }))}`
      }
      case 'sqs':
        return `http://${host}:${await this.#openSqs()}`
    }
  }

  async #listen(server: ProtocolServer): Promise<number> {
    const { transport } = this.#parts
    const address = { host, port: 0 }
    const { port } = await this.#connections.listen({ server, transport, address })
    return port
  }

  async #openSqs(): Promise<number> {
    const { engine, clock, random, transport } = this.#parts
    const { sqsServer } = await import('../servers/sqs/server.ts')
    const server = sqsServer({
      engine,
      clock,
      random,
      hmac: hmacSha256,
      equalSecrets,
      // A queue that a test has deleted may come again in the next one.
      coolDownMs: 0,
    })
    const bodyBytesMax = server.requestBytesMax
    const { handle } = server
    const listening = await listenHttp({ host, port: 0, bodyBytesMax, handle, transport })
    this.#ends.push(() => {
      server.stop()
      listening.close(() => {})
      listening.destroy()
    })
    return listening.port
  }

  destroy(): void {
    for (const end of this.#ends) end()
    this.#connections.destroy()
  }
}
