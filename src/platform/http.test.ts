import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { type HttpCall, type HttpListening, listenHttp } from './http.ts'

interface Open {
  readonly listening: HttpListening
  readonly calls: HttpCall[]
}

/** A server whose calls the test answers itself, or by `handle`. */
async function withServer(
  run: (open: Open) => Promise<void>,
  handle?: (call: HttpCall) => void,
): Promise<void> {
  const calls: HttpCall[] = []
  const listening = await listenHttp({
    host: '127.0.0.1',
    port: 0,
    bodyBytesMax: 1000,
    handle: call => {
      calls.push(call)
      handle?.(call)
    },
  })
  try {
    await run({ listening, calls })
  } finally {
    const closed = new Promise<void>(resolve => listening.close(resolve))
    listening.destroy()
    await closed
  }
}

const echo = (call: HttpCall): void =>
  call.respond(200, { 'x-path': call.path }, Buffer.from(call.body).toString())

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => resolve(socket))
    socket.once('error', reject)
  })
}

/** What comes until it contains `wanted`, or until the end. */
function readUntil(socket: Socket, wanted: string): Promise<string> {
  return new Promise(resolve => {
    let text = ''
    const look = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (!text.includes(wanted)) return
      socket.off('data', look)
      resolve(text)
    }
    socket.on('data', look)
    socket.once('close', () => resolve(text))
  })
}

describe('the HTTP server', () => {
  it('serves fetch', async () => {
    await withServer(async ({ listening }) => {
      const url = `http://127.0.0.1:${listening.port}/x?y=z`
      for (const body of ['hello', 'Grüße', '']) {
        const answer = await fetch(url, { method: 'POST', body })
        assert.equal(answer.status, 200)
        assert.equal(answer.headers.get('x-path'), '/x?y=z')
        assert.equal(await answer.text(), body)
      }
    }, echo)
  })

  it('answers what was sent ahead in its order', async () => {
    await withServer(async ({ listening, calls }) => {
      const socket = await open(listening.port)
      const request = (path: string) => `GET ${path} HTTP/1.1\r\nhost: h\r\n\r\n`
      socket.write(request('/1') + request('/2') + request('/3'))
      const all = readUntil(socket, 'third')
      while (calls.length < 1) await new Promise(setImmediate)
      assert.equal(calls.length, 1, 'one at a time')
      calls[0]!.respond(200, {}, 'first')
      while (calls.length < 2) await new Promise(setImmediate)
      calls[1]!.respond(200, {}, 'second')
      while (calls.length < 3) await new Promise(setImmediate)
      calls[2]!.respond(200, {}, 'third')
      assert.match(await all, /first[\s\S]*second[\s\S]*third/)
      socket.destroy()
    })
  })

  it('tells a client that waits to go on', async () => {
    await withServer(async ({ listening }) => {
      const socket = await open(listening.port)
      socket.write(
        'POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n',
      )
      assert.match(await readUntil(socket, '\r\n\r\n'), /^HTTP\/1\.1 100 /)
      socket.write('ok')
      assert.match(await readUntil(socket, 'ok'), /^HTTP\/1\.1 200 OK/)
      socket.destroy()
    }, echo)
  })

  it('answers nonsense with its status and closes; others do not notice', async () => {
    await withServer(async ({ listening }) => {
      const other = await open(listening.port)
      const socket = await open(listening.port)
      socket.write('nonsense\r\n\r\n')
      assert.match(await readUntil(socket, 'never'), /^HTTP\/1\.1 400 Bad Request/)
      const large = await open(listening.port)
      large.write('POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1001\r\n\r\n')
      assert.match(await readUntil(large, 'never'), /^HTTP\/1\.1 413 /)
      other.write('GET /fine HTTP/1.1\r\nhost: h\r\n\r\n')
      assert.match(await readUntil(other, '/fine'), /^HTTP\/1\.1 200 /)
      other.destroy()
    }, echo)
  })

  it('says when a client has gone before it had its answer', async () => {
    await withServer(async ({ listening, calls }) => {
      const socket = await open(listening.port)
      socket.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n')
      while (calls.length < 1) await new Promise(setImmediate)
      const [call] = calls
      const gone = new Promise<void>(resolve => {
        call!.onAborted = resolve
      })
      socket.destroy()
      await gone
      assert.equal(call!.aborted, true)
      call!.respond(200, {}, 'into the void')
    })
  })

  it('closes idle connections at the end, and waits for those that have a call', async () => {
    await withServer(async ({ listening, calls }) => {
      const idle = await open(listening.port)
      const busy = await open(listening.port)
      busy.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n')
      while (calls.length < 1) await new Promise(setImmediate)
      const idleEnd = readUntil(idle, 'never')
      const busyEnd = readUntil(busy, 'never')
      const closed = new Promise<void>(resolve => listening.close(resolve))
      assert.equal(await idleEnd, '')
      calls[0]!.respond(200, {}, 'the last')
      assert.match(await busyEnd, /connection: close[\s\S]*the last$/)
      await closed
    })
  })
})
