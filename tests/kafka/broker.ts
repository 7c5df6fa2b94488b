/** A Kafka server on the real engine, on a port of its own, in this process, to be restarted. */

import { type EngineDoor, openEngine } from '../../src/engine/engine.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { systemRandom } from '../../src/platform/random.ts'
import { openFolder } from '../../src/platform/storage.ts'
import { netTransport } from '../../src/platform/transport.ts'
import { type KafkaServerOptions, kafkaServer } from '../../src/servers/kafka/server.ts'
import { Connections } from '../../src/servers/listener.ts'

export interface RunningKafka {
  readonly port: number
  readonly engine: EngineDoor
  stop(): Promise<void>
}

export async function startKafka(
  folder: string,
  options: Partial<KafkaServerOptions> & { readonly listenOn?: number } = {},
): Promise<RunningKafka> {
  const storage = openFolder(folder)
  const engine = openEngine({ clock: systemClock, storage, random: systemRandom })
  const connections = new Connections({ clock: systemClock, engine })
  const { listenOn = 0, ...rest } = options
  const server = kafkaServer({ engine, clock: systemClock, random: systemRandom, ...rest })
  const transport = netTransport({ tls: undefined, onError: () => {} })
  const address = { host: '127.0.0.1', port: listenOn }
  const { port } = await connections.listen({ server, transport, address })
  return {
    port,
    engine,
    stop: async () => {
      server.close()
      connections.destroy()
      await new Promise<void>(resolve => engine.close(resolve))
      storage.close()
    },
  }
}
