import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../testing/clock.ts'
import { SimulatedTransport } from '../testing/transport.ts'
import type { ConnectionContext, ProtocolServer, ServerConnection } from './connection.ts'
import { serverLimits } from './limits.ts'
import { Connections, type Gate } from './listener.ts'
import type { Link } from './transport.ts'

/** A gate that the test moves. */
class HandGate implements Gate {
  released = 0
  alarm: Gate['alarm'] = undefined
  readonly #onReleased: (() => void)[] = []
  readonly #onAlarm: ((alarm: Gate['alarm']) => void)[] = []

  onReleased(callback: () => void): void {
    this.#onReleased.push(callback)
  }

  onAlarm(callback: (alarm: Gate['alarm']) => void): void {
    this.#onAlarm.push(callback)
  }

  release(to: number): void {
    this.released = to
    for (const callback of this.#onReleased) callback()
  }

  raise(alarm: Gate['alarm']): void {
    this.alarm = alarm
    for (const callback of this.#onAlarm) callback(alarm)
  }
}

/** Answers what it hears: `now` at once, everything else when gate 10 is released. */
class Echo implements ServerConnection {
  readonly context: ConnectionContext
  readonly events: string[] = []
  constructor(context: ConnectionContext) {
    this.context = context
  }

  receive(bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString('latin1')
    this.say(text, text.startsWith('now') ? 0 : 10)
  }

  say(text: string, gate: number): void {
    this.context.outbox.writer.utf8(text)
    this.context.outbox.hold(gate)
  }

  tick(): void {
    this.events.push('tick')
  }

  shutdown(reason: string, text: string): void {
    this.say(`bye: ${text}`, 0)
    this.context.outbox.end()
    this.events.push(reason)
  }

  closed(): void {
    this.events.push('closed')
  }

  drained(): void {
    this.events.push('drained')
  }

  describe() {
    return { user: 'guest', state: 'open', details: {} }
  }
}

/** A client that keeps what it hears. */
function client(link: Link | undefined) {
  assert.ok(link !== undefined)
  const heard = { text: '', closed: undefined as string | undefined }
  link.start({
    onData: bytes => {
      heard.text += Buffer.from(bytes).toString('latin1')
    },
    onClose: reason => {
      heard.closed = reason
    },
  })
  return { link, heard, say: (text: string) => link.write([Buffer.from(text)], () => {}) }
}

async function fixture(connectionsMax = 10) {
  const clock = new SimulatedClock()
  const transport = new SimulatedTransport({ clock })
  const gate = new HandGate()
  const connections = new Connections({ clock, engine: gate })
  const served: Echo[] = []
  const server: ProtocolServer = {
    name: 'echo',
    accept(context) {
      const echo = new Echo(context)
      served.push(echo)
      return echo
    },
  }
  const address = { host: '127.0.0.1', port: 0 }
  const listener = await connections.listen({ server, transport, address, connectionsMax })
  const connect = () => client(transport.connect(listener.port))
  /** The turns that are due now, without letting time pass. */
  const settle = () => clock.advance(0)
  return { clock, transport, gate, connections, served, listener, connect, settle }
}

test('a reply that waits for nothing leaves at once, another one when its gate is released', async () => {
  const { gate, connect, settle } = await fixture()
  const peer = connect()
  peer.say('now')
  settle()
  assert.equal(peer.heard.text, 'now')
  peer.say('later')
  settle()
  assert.equal(peer.heard.text, 'now')
  gate.release(9)
  settle()
  assert.equal(peer.heard.text, 'now')
  gate.release(10)
  settle()
  assert.equal(peer.heard.text, 'nowlater')
})

test('what is written outside of receive leaves at the end of the turn', async () => {
  const { served, connect, settle } = await fixture()
  const peer = connect()
  settle()
  served[0]!.say('a delivery', 0)
  assert.equal(peer.heard.text, '')
  settle()
  assert.equal(peer.heard.text, 'a delivery')
})

test('a connection too many is turned away, and room comes back', async () => {
  const { served, listener, connect, settle } = await fixture(1)
  const first = connect()
  const second = connect()
  settle()
  assert.equal(first.heard.closed, undefined)
  assert.notEqual(second.heard.closed, undefined)
  assert.deepEqual({ ...listener.totals }, { accepted: 1, refused: 1 })
  first.link.end()
  settle()
  assert.deepEqual(served[0]!.events, ['closed'])
  const third = connect()
  settle()
  assert.equal(third.heard.closed, undefined)
})

test('a paused connection is not read from until nobody wants it paused', async () => {
  const { gate, served, connect, settle } = await fixture()
  const peer = connect()
  settle()
  served[0]!.context.pauseReading(true)
  gate.raise('backlog')
  peer.say('now')
  settle()
  served[0]!.context.pauseReading(false)
  settle()
  assert.equal(peer.heard.text, '')
  gate.raise(undefined)
  settle()
  assert.equal(peer.heard.text, 'now')
})

test('a connection that is made during a backlog waits, too', async () => {
  const { gate, connect, settle } = await fixture()
  gate.raise('backlog')
  const peer = connect()
  peer.say('now')
  settle()
  assert.equal(peer.heard.text, '')
  gate.raise(undefined)
  settle()
  assert.equal(peer.heard.text, 'now')
})

test('a peer that does not read makes its outbox congested, and hears when it is drained', async () => {
  const { served, connect, settle } = await fixture()
  const peer = connect()
  settle()
  peer.link.pause()
  settle()
  const echo = served[0]!
  echo.say('x'.repeat(serverLimits.outboxBytesHigh), 0)
  settle()
  assert.equal(echo.context.outbox.congested, true)
  peer.link.resume()
  settle()
  assert.equal(echo.context.outbox.congested, false)
  assert.deepEqual(echo.events, ['drained'])
  assert.equal(peer.heard.text.length, serverLimits.outboxBytesHigh)
})

test('every connection has its tick once a second', async () => {
  const { clock, served, connect, settle } = await fixture()
  connect()
  connect()
  settle()
  clock.advance(serverLimits.tickMs * 3)
  for (const { events } of served) assert.deepEqual(events, ['tick', 'tick', 'tick'])
})

test('a shutdown says goodbye to all, and is over when the last one is gone', async () => {
  const { transport, connections, listener, connect, settle } = await fixture()
  const peers = [connect(), connect()]
  settle()
  let isOver = false
  connections.shutdown('stopping', 'see you', () => {
    isOver = true
  })
  settle()
  assert.equal(isOver, true)
  for (const { heard } of peers) {
    assert.equal(heard.text, 'bye: see you')
    assert.notEqual(heard.closed, undefined)
  }
  assert.equal(transport.connect(listener.port), undefined)
})

test('a goodbye that waits for the journal leaves when it is released', async () => {
  const { gate, connections, connect, settle } = await fixture()
  const peer = connect()
  peer.say('later')
  settle()
  connections.shutdown('stopping', 'see you', () => {})
  settle()
  assert.equal(peer.heard.text, '')
  gate.release(10)
  settle()
  assert.equal(peer.heard.text, 'laterbye: see you')
})

test('a peer that neither reads nor closes after the goodbye is cut off', async () => {
  const { clock, connections, served, connect, settle } = await fixture()
  const peer = connect()
  peer.link.pause()
  settle()
  assert.equal(connections.close(1, 'see you'), true)
  clock.advance(serverLimits.lingerMs + serverLimits.tickMs * 2)
  assert.equal(served[0]!.events.at(-1), 'closed')
  assert.equal(connections.size, 0)
})

test('a quiet listener wants no deliveries, from new connections neither', async () => {
  const { connections, served, connect, settle } = await fixture()
  connect()
  settle()
  connections.quiet()
  connect()
  settle()
  for (const { context } of served) assert.equal(context.outbox.congested, true)
})

test('a reset while output is held gives everything back', async () => {
  const { gate, connections, served, connect, settle } = await fixture()
  const peer = connect()
  peer.say('later')
  settle()
  peer.link.destroy()
  settle()
  assert.deepEqual(served[0]!.events, ['closed'])
  assert.equal(connections.size, 0)
  gate.release(10)
  settle()
})

test('the list tells who is there', async () => {
  const { connections, connect, settle } = await fixture()
  const peer = connect()
  peer.say('later')
  settle()
  const [summary] = connections.list()
  assert.equal(summary?.server, 'echo')
  assert.equal(summary?.bytesIn, 5)
  assert.equal(summary?.backlogBytes, 5)
  assert.equal(summary?.reading, true)
  assert.equal(connections.close(99, ''), false)
})
