/** Behind a load balancer that says who the client is, encrypted and not, through amqplib. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import amqp from 'amqplib'
import { type SpillwayBroker, startSpillway } from '../harness/broker.ts'
import { makeAuthority } from '../harness/certificate.ts'
import { temporaryFolder } from '../harness/process.ts'

/** Puts a header in front of what each of its clients sends. */
async function balancer(header: Uint8Array, port: number): Promise<Server> {
  const server = createServer(client => {
    const broker = connect(port, '127.0.0.1')
    broker.write(header)
    client.pipe(broker).pipe(client)
    for (const end of [client, broker]) end.on('error', () => undefined)
    broker.on('close', () => client.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function line(address: string): Uint8Array {
  return Buffer.from(`PROXY TCP4 ${address} 198.51.100.7 51234 5672\r\n`)
}

const portOf = (server: Server) => (server.address() as AddressInfo).port

describe('AMQP behind a load balancer', () => {
  const open: { close(): unknown }[] = []
  after(() => Promise.all(open.map(each => each.close())))

  async function start(args: readonly string[]): Promise<SpillwayBroker> {
    const broker = await startSpillway({ args: ['--proxy-protocol', 'amqp', ...args] })
    open.push({ close: () => broker.stop() })
    return broker
  }

  async function through(header: Uint8Array, broker: SpillwayBroker): Promise<number> {
    const server = await balancer(header, broker.amqpPort)
    open.push(server)
    return portOf(server)
  }

  test('guest comes in from this machine only, as the balancer sees it', async () => {
    const broker = await start([])
    const near = await through(line('127.0.0.1'), broker)
    const far = await through(line('192.0.2.1'), broker)
    const connection = await amqp.connect(`amqp://127.0.0.1:${near}`)
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue('orders')
    channel.sendToQueue('orders', Buffer.from('{"id":1}'))
    await channel.waitForConfirms()
    await connection.close()
    await assert.rejects(amqp.connect(`amqp://127.0.0.1:${far}`), /403|ACCESS_REFUSED/)
    await assert.rejects(amqp.connect(broker.url))
  })

  test('an encrypted connection has its header before the handshake', async () => {
    const authority = makeAuthority('authority')
    const { cert, key } = authority.issue('localhost')
    const folder = temporaryFolder('certificates')
    for (const [name, content] of Object.entries({ cert, key })) {
      writeFileSync(join(folder, name), content)
    }
    const files = ['--tls-cert', join(folder, 'cert'), '--tls-key', join(folder, 'key')]
    const broker = await start([...files, '--tls-only', 'amqp'])
    const port = await through(line('127.0.0.1'), broker)
    const tls = { ca: authority.cert }
    const connection = await amqp.connect(`amqps://127.0.0.1:${port}`, tls)
    await connection.createChannel()
    const answer = await fetch(`http://127.0.0.1:${broker.httpPort}/api/connections`)
    const text = await answer.text()
    assert.match(text, /51234/)
    await connection.close()
  })
})
