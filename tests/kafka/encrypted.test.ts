/** One encrypted port beside plain ones, and users of a file who log in by SCRAM. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Kafka, logLevel, type SASLOptions } from 'kafkajs'
import { hashPassword } from '../../src/cli/users.ts'
import { scramKeysOf } from '../../src/cli/users-hash.ts'
import { connect, queue } from '../../src/client/client.ts'
import { type SpillwayBroker, startSpillway } from '../harness/broker.ts'
import { makeAuthority } from '../harness/certificate.ts'
import { temporaryFolder } from '../harness/process.ts'
import { RawClient } from '../harness/raw-client.ts'

describe('serve --tls-only kafka, with SCRAM keys in the users file', () => {
  const authority = makeAuthority('authority')
  let broker: SpillwayBroker
  let authorityFile = ''
  before(async () => {
    const folder = temporaryFolder('kafka-encrypted')
    const server = authority.issue('localhost')
    const write = (name: string, content: string): string => {
      writeFileSync(join(folder, name), content)
      return join(folder, name)
    }
    authorityFile = write('authority.pem', authority.cert)
    const hash = hashPassword('secret')
    const scram = scramKeysOf('secret')
    const users = [
      { name: 'alice', hash, scram },
      { name: 'bob', hash },
    ]
    broker = await startSpillway({
      args: [
        ...['--tls-cert', write('server.pem', server.cert)],
        ...['--tls-key', write('server.key', server.key), '--tls-only', 'kafka'],
        ...['--users', write('users.json', JSON.stringify({ users }))],
      ],
    })
  })
  after(() => broker?.stop())

  async function login(sasl: SASLOptions, isEncrypted = true): Promise<readonly string[]> {
    const admin = new Kafka({
      brokers: [`localhost:${broker.kafkaPort}`],
      ssl: isEncrypted && { ca: authority.cert },
      logLevel: logLevel.NOTHING,
      connectionTimeout: 3000,
      retry: { retries: 0 },
      sasl,
    }).admin()
    await admin.connect()
    const topics = await admin.listTopics()
    await admin.disconnect()
    return topics
  }

  for (const mechanism of ['scram-sha-256', 'scram-sha-512'] as const) {
    test(`a user of the file comes in by ${mechanism} with the right password only`, async () => {
      const user = { mechanism, username: 'alice' } as const
      assert.deepEqual(await login({ ...user, password: 'secret' }), [])
      await assert.rejects(login({ ...user, password: 'wrong' }))
      // He has a hash, which PLAIN is checked with, and no keys.
      await assert.rejects(login({ mechanism, username: 'bob', password: 'secret' }))
    })
  }

  test('both come in with PLAIN, and nobody on a connection that is not encrypted', async () => {
    for (const username of ['alice', 'bob']) {
      const user = { mechanism: 'plain', username, password: 'secret' } as const
      assert.deepEqual(await login(user), [])
      await assert.rejects(login(user, false))
    }
  })

  const urlOf = (user: string, sasl: string, scheme = 'kafkas'): string => {
    const parameters = new URLSearchParams({
      sasl,
      ...(scheme === 'kafkas' && { ca: authorityFile }),
    })
    return `${scheme}://${user}@localhost:${broker.kafkaPort}?${parameters}`
  }

  for (const sasl of ['plain', 'scram-sha-256', 'scram-sha-512']) {
    test(`the client’s driver comes in by ${sasl}, and says who was refused`, async () => {
      const q = queue<number>(`by-${sasl}`)
      await using bus = await connect(urlOf('alice:secret', sasl), { emulate: 'allow' })
      await bus.send(q, 7)
      assert.equal((await bus.depth(q)).ready, 1)
      const wrong = connect(urlOf('alice:wrong', sasl)).then(other => other.depth(q))
      await assert.rejects(wrong, {
        backend: 'kafka',
        code: 'SPILLWAY_E_ACCESS',
      })
    })
  }

  test('the client’s driver finds no broker where it should have asked for TLS', async () => {
    const plain = connect(urlOf('alice:secret', 'plain', 'kafka'))
    await assert.rejects(plain, { backend: 'kafka', code: 'SPILLWAY_E_CONNECTION' })
  })

  test('the other ports are not encrypted', async () => {
    const raw = await RawClient.open(broker, { user: 'bob', password: 'secret' })
    await raw.close()
    const ready = await fetch(`http://127.0.0.1:${broker.httpPort}/readyz`)
    assert.equal(ready.status, 200)
  })
})
