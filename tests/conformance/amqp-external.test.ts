/** EXTERNAL: whom a verified client certificate names comes in without a password. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import amqp from 'amqplib'
import { hashPassword } from '../../src/cli/users.ts'
import { type SpillwayBroker, startSpillway } from '../harness/broker.ts'
import { type Identity, makeAuthority } from '../harness/certificate.ts'
import { temporaryFolder } from '../harness/process.ts'

type Credentials = ReturnType<typeof amqp.credentials.external>

describe('EXTERNAL, through amqplib', () => {
  const authority = makeAuthority('authority')
  let broker: SpillwayBroker
  before(async () => {
    const folder = temporaryFolder('certificates')
    const server = authority.issue('localhost')
    const write = (name: string, content: string): string => {
      writeFileSync(join(folder, name), content)
      return join(folder, name)
    }
    const users = { users: [{ name: 'alice', hash: hashPassword('secret') }] }
    broker = await startSpillway({
      args: [
        ...['--tls-cert', write('server.pem', server.cert)],
        ...['--tls-key', write('server.key', server.key)],
        ...['--tls-ca', write('authority.pem', authority.cert)],
        ...['--users', write('users.json', JSON.stringify(users))],
      ],
    })
  })
  after(() => broker?.stop())

  async function connect(identity: Identity | undefined, credentials: Credentials): Promise<void> {
    const options = { ...identity, ca: authority.cert, credentials }
    const connection = await amqp.connect(`amqps://127.0.0.1:${broker.amqpPort}`, options)
    await connection.createChannel()
    await connection.close()
  }

  const external = amqp.credentials.external()

  test('a certificate of the authority lets in whom it names', async () => {
    await connect(authority.issue('alice'), external)
  })

  test('a name that is no user does not come in', async () => {
    await assert.rejects(connect(authority.issue('mallory'), external), /ACCESS_REFUSED|403/)
  })

  test('a certificate of somebody else is refused in the handshake', async () => {
    const other = makeAuthority('authority').issue('alice')
    await assert.rejects(connect(other, external))
  })

  test('without a certificate EXTERNAL is no offer, and a password still is', async () => {
    await assert.rejects(connect(undefined, external))
    await connect(undefined, amqp.credentials.plain('alice', 'secret'))
  })
})
