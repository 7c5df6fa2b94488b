/**
 * The SQS server on the real engine, in memory, behind a real port: for tests that use real
 * clients.
 */

import { SQSClient } from '@aws-sdk/client-sqs'
import { SeededRandom } from '../../src/base/random.ts'
import { openEngine } from '../../src/engine/engine.ts'
import type { Clock } from '../../src/engine/ports.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { equalSecrets, hmacSha256 } from '../../src/platform/digest.ts'
import { listenHttp } from '../../src/platform/http.ts'
import { systemRandom } from '../../src/platform/random.ts'
import { type SqsServerOptions, sqsServer } from '../../src/servers/sqs/server.ts'
import { SimulatedStorage } from '../../src/testing/storage.ts'

export async function startSqs(
  options: Partial<SqsServerOptions> = {},
  clock: Clock = systemClock,
) {
  const storage = new SimulatedStorage({ clock, random: new SeededRandom(1), latencyMaxMs: 0 })
  const ports = { clock, random: systemRandom, storage }
  const engine = openEngine(ports)
  const errors: unknown[] = []
  const server = sqsServer({
    engine,
    clock,
    random: systemRandom,
    hmac: hmacSha256,
    equalSecrets,
    coolDownMs: 0,
    onError: error => {
      errors.push(error)
      console.error(error)
    },
    ...options,
  })
  const listening = await listenHttp({
    host: '127.0.0.1',
    port: 0,
    bodyBytesMax: server.requestBytesMax,
    handle: server.handle,
  })
  const endpoint = `http://127.0.0.1:${listening.port}`
  return {
    engine,
    endpoint,
    errors,
    client: (keys = { accessKeyId: 'test', secretAccessKey: 'test' }) =>
      new SQSClient({ endpoint, region: 'eu-west-1', credentials: keys, maxAttempts: 1 }),
    stop: async () => {
      server.stop()
      listening.destroy()
      await new Promise<void>(resolve => listening.close(resolve))
      await new Promise<void>(resolve => engine.close(resolve))
    },
  }
}

export type RunningSqs = Awaited<ReturnType<typeof startSqs>>
