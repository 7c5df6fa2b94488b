/** What becomes of those who connect before a server is there. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ByteWriter } from '../base/bytes.ts'
import type { ConnectionContext, ProtocolServer } from './connection.ts'
import { lateServer } from './late-server.ts'

function context(paused: boolean[], ended: string[]): ConnectionContext {
  return {
    outbox: {
      writer: new ByteWriter(64),
      ahead: () => undefined,
      hold: () => undefined,
      size: 0,
      unread: 0,
      left: 0,
      congested: false,
      end: () => ended.push('end'),
      destroy: () => ended.push('destroy'),
    },
    peer: { address: '127.0.0.1', port: 1, tls: false },
    local: { address: '127.0.0.1', port: 2 },
    pauseReading: isPaused => paused.push(isPaused),
  }
}

function recorder(heard: string[]): ProtocolServer {
  return {
    name: 'test',
    accept: () => ({
      receive: bytes => heard.push(`receive ${[...bytes]}`),
      tick: () => heard.push('tick'),
      shutdown: reason => heard.push(`shutdown ${reason}`),
      closed: () => heard.push('closed'),
      drained: () => heard.push('drained'),
      describe: () => ({ user: 'u', state: 'running', details: {} }),
    }),
  }
}

describe('a server that is loaded late', () => {
  it('hears what came before it, in order, and everything afterwards', () => {
    const heard: string[] = []
    const paused: boolean[] = []
    const late = lateServer('test')
    const connection = late.accept(context(paused, []))
    const lent = new Uint8Array([1, 2])
    connection.receive(lent)
    lent.fill(9)
    connection.tick(0)
    assert.equal(connection.describe().state, 'waiting')
    late.arrived(recorder(heard))
    connection.receive(new Uint8Array([3]))
    connection.closed()
    assert.deepEqual(heard, ['receive 1,2', 'receive 3', 'closed'])
    assert.deepEqual(paused, [true, false])
  })

  it('never hears of those who left, and ends those who are told to go', () => {
    const heard: string[] = []
    const ended: string[] = []
    const late = lateServer('test')
    late.accept(context([], [])).closed()
    late.accept(context([], ended)).shutdown('stopping', '')
    late.arrived(recorder(heard))
    assert.deepEqual([heard, ended], [[], ['end']])
    late.accept(context([], [])).tick(0)
    assert.deepEqual(heard, ['tick'])
  })
})
