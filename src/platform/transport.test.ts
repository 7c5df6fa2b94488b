import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { test } from 'node:test'
import type { Link } from '../servers/transport.ts'
import { netTransport } from './transport.ts'

/** A listening port, one client, and the server's end of it. */
async function fixture() {
  let accepted: (link: Link) => void = () => {}
  const acceptance = new Promise<Link>(resolve => {
    accepted = resolve
  })
  const listening = await netTransport().listen({ host: '127.0.0.1', port: 0 }, accepted)
  const client = createConnection(listening.port, '127.0.0.1')
  const link = await acceptance
  const heard = { text: '', waiting: undefined as (() => void) | undefined }
  let closed: (reason: string) => void = () => {}
  const closing = new Promise<string>(resolve => {
    closed = resolve
  })
  link.start({
    onData: bytes => {
      heard.text += Buffer.from(bytes).toString('latin1')
      heard.waiting?.()
    },
    onClose: closed,
  })
  /** Resolves when the server has heard `text` in all. */
  const until = (text: string) =>
    new Promise<void>(resolve => {
      heard.waiting = () => {
        if (heard.text === text) resolve()
      }
      heard.waiting()
    })
  return { listening, client, link, heard, until, closing }
}

async function readAll(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

test('bytes come in, parts leave in order, and an end is heard', async () => {
  const { listening, client, link, until, closing } = await fixture()
  client.write('hello')
  await until('hello')
  const received = readAll(client)
  await new Promise<void>(done => {
    link.write([Buffer.from('a'), Buffer.from('b'), Buffer.from('c')], done)
  })
  link.write([Buffer.from('d')], () => {})
  link.end()
  assert.equal(await received, 'abcd')
  assert.equal(await closing, '')
  listening.close()
})

test('nothing is read while it is paused, and nothing is lost', async () => {
  const { listening, client, link, heard, until } = await fixture()
  client.write('one')
  await until('one')
  link.pause()
  client.write('two')
  // A turn of the other direction shows that the first one had its chance.
  const echoed = once(client, 'data')
  link.write([Buffer.from('.')], () => {})
  await echoed
  assert.equal(heard.text, 'one')
  link.resume()
  await until('onetwo')
  client.destroy()
  listening.close()
})

test('a reset is a reason, not an error', async () => {
  const { listening, client, closing } = await fixture()
  client.resetAndDestroy()
  assert.equal(await closing, 'ECONNRESET')
  listening.close()
})

test('a peer that ends is answered with an end, after what was written', async () => {
  const { listening, client, link, until, closing } = await fixture()
  client.end('bye')
  await until('bye')
  link.write([Buffer.from('last words')], () => {})
  assert.equal(await readAll(client), 'last words')
  assert.equal(await closing, '')
  listening.close()
})

test('a port that is taken is a rejection with its errno', async () => {
  const { listening, client } = await fixture()
  const again = netTransport().listen({ host: '127.0.0.1', port: listening.port }, () => {})
  await assert.rejects(again, { code: 'EADDRINUSE' })
  client.destroy()
  listening.close()
})

test('behind a balancer the ends of a connection are those that its header names', async () => {
  const links: Link[] = []
  const accepted = new EventEmitter()
  const transport = netTransport({ proxied: true })
  const listening = await transport.listen({ host: '127.0.0.1', port: 0 }, link => {
    links.push(link)
    accepted.emit('link', link)
  })
  const heard = async (pieces: readonly string[]): Promise<[Link, string]> => {
    const client = createConnection({ port: listening.port, host: '127.0.0.1', noDelay: true })
    const arrival = once(accepted, 'link')
    for (const piece of pieces) await new Promise(done => client.write(piece, done))
    const [link] = (await arrival) as [Link]
    const text = await new Promise<string>(resolve => {
      let all = ''
      link.start({
        onData: bytes => {
          all += Buffer.from(bytes).toString('latin1')
          if (all.length === 9) resolve(all)
        },
        onClose: () => {},
      })
      client.write('-end')
    })
    client.destroy()
    return [link, text]
  }
  const header = 'PROXY TCP4 192.0.2.1 198.51.100.7 51234 5672\r\n'
  for (const pieces of [[`${header}hello`], [header.slice(0, 20), `${header.slice(20)}hello`]]) {
    const [link, text] = await heard(pieces)
    assert.equal(text, 'hello-end')
    assert.deepEqual([link.peer.address, link.peer.port], ['192.0.2.1', 51_234])
    assert.deepEqual(link.local, { address: '198.51.100.7', port: 5672 })
  }
  const [own] = await heard(['PROXY UNKNOWN\r\n', 'hello'])
  assert.equal(own.peer.address, '127.0.0.1')

  const stranger = createConnection(listening.port, '127.0.0.1')
  stranger.write('AMQP\0\0\x09\x01')
  await once(stranger, 'close')
  assert.equal(links.length, 3)
  listening.close()
})
