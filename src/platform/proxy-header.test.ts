import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readProxyHeader } from './proxy-header.ts'

const text = (line: string) => new TextEncoder().encode(line)
const signature = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]

function binary(command: number, family: number, body: readonly number[]): Uint8Array {
  const length = [body.length >> 8, body.length & 0xff]
  return Uint8Array.from([...signature, command, family, ...length, ...body])
}

const four = binary(0x21, 0x11, [192, 0, 2, 1, 198, 51, 100, 7, 0xc8, 0x22, 0x16, 0x28])

describe('the header of the PROXY protocol', () => {
  it('is read in version 1', () => {
    const line = 'PROXY TCP4 192.0.2.1 198.51.100.7 51234 5672\r\n'
    assert.deepEqual(readProxyHeader(text(`${line}AMQP`)), {
      length: line.length,
      ends: {
        peer: { address: '192.0.2.1', port: 51_234 },
        local: { address: '198.51.100.7', port: 5672 },
      },
    })
    const six = readProxyHeader(text('PROXY TCP6 2001:db8::1 ::1 1 65535\r\n'))
    assert.ok(typeof six === 'object')
    assert.deepEqual(six.ends?.peer, { address: '2001:db8::1', port: 1 })
    assert.deepEqual(readProxyHeader(text('PROXY UNKNOWN and more\r\n')), {
      length: 24,
      ends: undefined,
    })
  })

  it('is read in version 2, with what comes behind the addresses', () => {
    const peer = { address: '192.0.2.1', port: 51_234 }
    const local = { address: '198.51.100.7', port: 5672 }
    assert.deepEqual(readProxyHeader(four), { length: 28, ends: { peer, local } })
    const body = [...four.subarray(16), 4, 0, 1, 0]
    assert.deepEqual(readProxyHeader(binary(0x21, 0x11, body)), {
      length: 32,
      ends: { peer, local },
    })
    const six = [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1, ...Array(15).fill(0), 1, 0, 1, 0, 2]
    const found = readProxyHeader(binary(0x21, 0x21, six))
    assert.ok(typeof found === 'object')
    assert.deepEqual(found.ends?.peer, { address: '2001:db8::1', port: 1 })
    assert.deepEqual(found.ends?.local, { address: '::1', port: 2 })
    assert.deepEqual(readProxyHeader(binary(0x20, 0, [])), { length: 16, ends: undefined })
  })

  it('may come in pieces', () => {
    const line = text('PROXY TCP4 192.0.2.1 198.51.100.7 51234 5672\r\n')
    for (const whole of [line, four]) {
      for (let end = 0; end < whole.length; end++) {
        assert.equal(readProxyHeader(whole.subarray(0, end)), 'more', `${end}`)
      }
    }
  })

  it('is refused when it is none', () => {
    const wrong = [
      ...[text('AMQP\0\0\x09\x01'), text('PROXY TCP4 1.2.3.4 1.2.3.4 1 70000\r\n')],
      ...[text('PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n'), text('PROXY TCP4 a b 1 2\r\n')],
      ...[text('PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n'), text(`PROXY ${'x'.repeat(200)}`)],
      ...[binary(0x31, 0x11, []), binary(0x22, 0x11, []), binary(0x21, 0x11, [1, 2, 3, 4])],
      Uint8Array.from([...signature, 0x21, 0x11, 0xff, 0xff]),
    ]
    for (const bytes of wrong) assert.equal(readProxyHeader(bytes), 'wrong', `${bytes}`)
  })
})
