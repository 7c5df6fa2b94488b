import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HttpBreach, HttpReader, type HttpRequest } from './http-request.ts'

const limits = { headBytesMax: 1000, headersMax: 10, bodyBytesMax: 50 }

/** All requests in the bytes, given in pieces of `size`. */
function readAll(text: string, size = text.length): HttpRequest[] {
  const reader = new HttpReader(limits)
  const bytes = Buffer.from(text, 'latin1')
  const requests: HttpRequest[] = []
  for (let at = 0; at < bytes.length; at += size) {
    // The memory is used again for the next piece, as the transport does it.
    const piece = Buffer.from(bytes.subarray(at, at + size))
    reader.push(piece)
    for (let one = reader.read(); one !== undefined; one = reader.read()) {
      requests.push({ ...one, body: Buffer.from(one.body) })
    }
    reader.keep()
    piece.fill(0)
  }
  return requests
}

function statusOf(text: string): number {
  try {
    readAll(text)
  } catch (error) {
    assert.ok(error instanceof HttpBreach)
    return error.status
  }
  return 200
}

const host = 'host: localhost\r\n'

describe('requests in a stream of bytes', () => {
  it('reads the names of each head, whatever the lines of the last one were called', () => {
    const long = `x-long: ${'y'.repeat(500)}\r\n`
    const heads = [
      `${host}ab: 1\r\nab-c: 2\r\n${long}`,
      `${host}ab-c: 3\r\nab: 4\r\n${long}`,
      `Host: h\r\nab:5\r\n${long}`,
      `${long}__proto__: 6\r\nhost: h\r\nAB-C : 7\r\n`,
    ]
    const text = (head: string) => `GET / HTTP/1.1\r\n${head}\r\n`
    const read = readAll(heads.slice(0, 3).map(text).join(''))
    assert.deepEqual(
      read.map(({ headers }) => [headers['host'], headers['ab'], headers['ab-c']]),
      [
        ['localhost', '1', '2'],
        ['localhost', '4', '3'],
        ['h', '5', undefined],
      ],
    )
    assert.deepEqual(
      read.map(({ headers }) => [headers['constructor'], headers['__proto__']]),
      read.map(() => [undefined, undefined]),
    )
    assert.equal(statusOf(text(heads[3]!)), 400)
    assert.equal(readAll(text(heads[3]!.replace(' :', ':')))[0]?.headers['__proto__'], '6')
  })

  const stream =
    `POST /a?b=c HTTP/1.1\r\n${host}Content-Length: 5\r\nX-Twice: 1\r\nx-twice:  2 \r\n\r\nhello` +
    `\r\nGET / HTTP/1.1\r\n${host}\r\n` +
    `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n` +
    '3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\ntrailer: 1\r\n\r\n' +
    'GET /old HTTP/1.0\r\n\r\n'

  it('are the same wherever the bytes are split', () => {
    for (let size = 1; size <= stream.length; size++) {
      const requests = readAll(stream, size)
      assert.deepEqual(
        requests.map(({ method, path, body }) => [method, path, Buffer.from(body).toString()]),
        [
          ['POST', '/a?b=c', 'hello'],
          ['GET', '/', ''],
          ['POST', '/', 'abc0123456789'],
          ['GET', '/old', ''],
        ],
      )
      assert.equal(requests[0]!.headers['x-twice'], '1, 2')
      assert.deepEqual(
        requests.map(({ keepAlive }) => keepAlive),
        [true, true, true, false],
      )
    }
  })

  it('are each their own, however much alike their heads are', () => {
    const one = (path: string, body: string, more = '') =>
      `POST ${path} HTTP/1.1\r\n${host}Content-Length: ${body.length}\r\n${more}\r\n${body}`
    const all =
      one('/a', 'one') + one('/a', 'two') + one('/b', 'three') + one('/a', 'four', 'x:\r\n')
    const read = () =>
      readAll(all).map(({ path, headers, body }) => [
        path,
        headers['x'],
        Buffer.from(body).toString(),
      ])
    const expected = [
      ['/a', undefined, 'one'],
      ['/a', undefined, 'two'],
      ['/b', undefined, 'three'],
      ['/a', '', 'four'],
    ]
    assert.deepEqual(read(), expected)
    assert.deepEqual(read(), expected)
  })

  it('say whether the connection goes on, and whether a go-ahead is awaited', () => {
    const [close] = readAll(`GET / HTTP/1.1\r\n${host}Connection: Close\r\n\r\n`)
    assert.equal(close!.keepAlive, false)
    const [old] = readAll('GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n')
    assert.equal(old!.keepAlive, true)
    const reader = new HttpReader(limits)
    const head = `POST / HTTP/1.1\r\n${host}content-length: 2\r\nexpect: 100-continue\r\n\r\n`
    reader.push(Buffer.from(head))
    assert.equal(reader.read(), undefined)
    assert.equal(reader.awaited?.expectsContinue, true)
  })

  it('are refused when it is not clear where they end', () => {
    const post = (headers: string, body = '') =>
      statusOf(`POST / HTTP/1.1\r\n${headers}\r\n${body}`)
    assert.equal(post(`${host}content-length: 1\r\ncontent-length: 2\r\n`, 'ab'), 400)
    assert.equal(post(`${host}content-length: 1\r\ncontent-length: 1\r\n`, 'a'), 200)
    assert.equal(post(`${host}content-length: -1\r\n`), 400)
    assert.equal(post(`${host}content-length: 0x1\r\n`), 400)
    assert.equal(post(`${host}content-length: 1\r\ntransfer-encoding: chunked\r\n`), 400)
    assert.equal(post(`${host}transfer-encoding: gzip, chunked\r\n`), 501)
    const chunked = `${host}transfer-encoding: chunked\r\n`
    assert.equal(post(chunked, 'x\r\n'), 400)
    assert.equal(post(chunked, '1\r\nab\r\n'), 400)
    assert.equal(post(chunked, 'ffffffff\r\n'), 413)
  })

  it('are refused when they are malformed or too large', () => {
    assert.equal(statusOf('nonsense\r\n\r\n'), 400)
    assert.equal(statusOf('GET  / HTTP/1.1\r\n\r\n'), 400)
    assert.equal(statusOf('G(T / HTTP/1.1\r\n\r\n'), 400)
    assert.equal(statusOf('GET / HTTP/2.0\r\n\r\n'), 505)
    assert.equal(statusOf('GET / HTTP/1.1\r\n\r\n'), 400)
    assert.equal(statusOf(`GET / HTTP/1.1\r\n${host}no colon\r\n\r\n`), 400)
    assert.equal(statusOf(`GET / HTTP/1.1\r\n${host} folded: 1\r\n\r\n`), 400)
    assert.equal(statusOf(`GET / HTTP/1.1\r\n${host}spaced : 1\r\n\r\n`), 400)
    assert.equal(statusOf(`GET /${'x'.repeat(2000)}`), 431)
    assert.equal(statusOf(`GET / HTTP/1.1\r\n${host}${'a: 1\r\n'.repeat(11)}\r\n`), 431)
    assert.equal(statusOf(`POST / HTTP/1.1\r\n${host}content-length: 51\r\n\r\n`), 413)
    assert.equal(statusOf(`POST / HTTP/1.1\r\n${host}content-length: 99999999999\r\n\r\n`), 413)
  })

  it('never fail in another way, whatever byte is changed', () => {
    const bytes = Buffer.from(stream, 'latin1')
    for (let at = 0; at < bytes.length; at++) {
      for (const value of [0, 0x0a, 0x0d, 0x20, 0x3a, 0x39, 0xff]) {
        const changed = Buffer.from(bytes)
        changed[at] = value
        statusOf(changed.toString('latin1'))
      }
    }
  })
})
