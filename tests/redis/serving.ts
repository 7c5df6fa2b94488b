/** The Redis server on a loopback port, on a simulated disk that outlives it. */

import { SeededRandom } from '../../src/base/random.ts'
import { type EngineDoor, openEngine } from '../../src/engine/engine.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { systemRandom } from '../../src/platform/random.ts'
import { netTransport } from '../../src/platform/transport.ts'
import { Connections } from '../../src/servers/listener.ts'
import type { ProfileName } from '../../src/servers/redis/server.ts'
import { redisServer } from '../../src/servers/redis/server.ts'
import { SimulatedStorage } from '../../src/testing/storage.ts'

export class Serving {
  readonly #storage: SimulatedStorage
  readonly #profile: ProfileName | undefined
  #engine!: EngineDoor
  #connections!: Connections
  port = 0
  /** What the process is said to use, for `maxmemory`. */
  usedMemory = 1_000_000

  constructor(profile?: ProfileName) {
    const random = new SeededRandom(1)
    this.#storage = new SimulatedStorage({ clock: systemClock, random, latencyMaxMs: 0 })
    this.#profile = profile
  }

  async start(): Promise<this> {
    const ports = { clock: systemClock, storage: this.#storage, random: systemRandom }
    this.#engine = openEngine(ports)
    this.#connections = new Connections({ clock: systemClock, engine: this.#engine })
    const options = { engine: this.#engine, clock: systemClock, random: systemRandom }
    const usedMemory = () => this.usedMemory
    const server = redisServer({ ...options, profile: this.#profile, usedMemory })
    const transport = netTransport({ onError: () => {} })
    const address = { host: '127.0.0.1', port: 0 }
    this.port = (await this.#connections.listen({ server, transport, address })).port
    return this
  }

  /** Bytes of all files. */
  get storedBytes(): number {
    let bytes = 0
    for (const name of this.#storage.list()) {
      const file = this.#storage.open(name)
      bytes += file.size()
      file.close()
    }
    return bytes
  }

  async stop(): Promise<void> {
    this.#connections.destroy()
    await new Promise<void>(resolve => this.#engine.close(resolve))
  }
}
