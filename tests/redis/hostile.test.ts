/** Peers that mean no good: what is no request, absurd lengths, a subscriber that never reads. */

import { equal, match, ok } from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { Redis } from 'ioredis'
import { Serving } from './serving.ts'

let serving: Serving
let client: Redis
before(async () => {
  serving = await new Serving().start()
  client = new Redis(serving.port, '127.0.0.1')
})
after(async () => {
  client.disconnect()
  await serving.stop()
})

function open(): Socket {
  const socket = connect(serving.port, '127.0.0.1')
  socket.on('error', () => {})
  return socket
}

/** Sends, and resolves with all that came when the server has hung up. */
function ending(input: string): Promise<string> {
  const socket = open()
  let said = ''
  socket.on('data', bytes => {
    said += bytes.toString('latin1')
  })
  socket.write(input, 'latin1')
  return new Promise(resolve => socket.on('close', () => resolve(said)))
}

/** What Redis 7.0.15 says to the same, but for the second: it lets a request have 2^31 words. */
const breaches: readonly (readonly [name: string, input: string, text: string])[] = [
  ['a count that is no number', '*x\r\n', 'invalid multibulk length'],
  ['more words than there may be', '*1048577\r\n', 'invalid multibulk length'],
  ['no dollar before a word', '*3\r\nSET\r\n', "expected '$', got 'S'"],
  ['a negative length', '*1\r\n$-5\r\n', 'invalid bulk length'],
  ['a length beyond the limit', '*1\r\n$536870913\r\n', 'invalid bulk length'],
  ['a count without an end', `*${'1'.repeat(70_000)}`, 'too big mbulk count string'],
  ['a length without an end', `*1\r\n$${'1'.repeat(70_000)}`, 'too big bulk count string'],
  ['a line without an end', 'x'.repeat(70_000), 'too big inline request'],
  ['a quote without its other', 'PING "x\r\n', 'unbalanced quotes in request'],
]

describe('what is no request is answered as Redis does, and then closed', () => {
  for (const [name, input, text] of breaches) {
    test(name, async () => {
      equal(await ending(`PING\r\n${input}`), `+PONG\r\n-ERR Protocol error: ${text}\r\n`)
    })
  }

  test('the others do not notice', async () => {
    equal(await client.ping(), 'PONG')
  })
})

test('lengths that are announced allocate nothing before the bytes come', async () => {
  const before = process.memoryUsage()
  const sockets = Array.from({ length: 50 }, open)
  // Half a gigabyte each, of which one byte comes.
  for (const socket of sockets) socket.write('*1048576\r\n$536870912\r\nx')
  for (let round = 0; round < 20; round++) await client.ping()
  const now = process.memoryUsage()
  ok(now.arrayBuffers - before.arrayBuffers < 20e6, `${now.arrayBuffers} bytes in buffers`)
  ok(now.heapUsed - before.heapUsed < 50e6, `${now.heapUsed} bytes on the heap`)
  for (const socket of sockets) socket.destroy()
})

test('a subscriber that never reads is let go at the output limit', async () => {
  const deaf = open()
  deaf.write('SUBSCRIBE flood\r\n')
  await new Promise(resolve => deaf.once('data', resolve))
  deaf.pause()
  const megabyte = 'x'.repeat(1e6)
  let heard = 1
  // The kernel takes some megabytes, the limit is 32.
  for (let sent = 0; sent < 100 && heard > 0; sent++)
    heard = await client.publish('flood', megabyte)
  equal(heard, 0)
  match(String(await client.call('PUBSUB', 'NUMSUB', 'flood')), /^flood,0$/)
  deaf.destroy()
})

test('every change of a stream is told to who listens for it', async () => {
  const listener = new Redis(serving.port, '127.0.0.1')
  const heard: string[] = []
  listener.on('pmessage', (_pattern, channel) => heard.push(channel.split(':')[1]!))
  await listener.psubscribe('__keyevent@0__:*')
  await client.config('SET', 'notify-keyspace-events', 'Et')
  await client.xadd('s', '1-1', 'a', 'b')
  await client.xadd('s', 'MAXLEN', 1, '2-1', 'a', 'b')
  await client.xgroup('CREATE', 's', 'g', '0')
  await client.xgroup('CREATECONSUMER', 's', 'g', 'c')
  await client.xreadgroup('GROUP', 'g', 'd', 'STREAMS', 's', '>')
  await client.xgroup('SETID', 's', 'g', '0')
  await client.xgroup('DELCONSUMER', 's', 'g', 'c')
  await client.xgroup('DESTROY', 's', 'g')
  await client.call('XSETID', 's', '9-9')
  await client.xdel('s', '2-1')
  await client.xtrim('s', 'MAXLEN', 0)
  await client.config('SET', 'notify-keyspace-events', '')
  await listener.ping()
  equal(
    heard.join(' '),
    'xadd xadd xtrim xgroup-create xgroup-createconsumer xgroup-createconsumer xgroup-setid xgroup-delconsumer xgroup-destroy xsetid xdel',
  )
  listener.disconnect()
})
