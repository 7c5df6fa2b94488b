/** Cases about the way in: bodies, ids, headers, shapes, batches, bounds. */

import assert from 'node:assert/strict'
import type { Headers } from '../client/client.ts'
import { eventually, numbered, parsed } from './shapes.ts'
import type { Case, Item } from './trial.ts'

const bodies: readonly (readonly [name: string, body: unknown])[] = [
  ['an object', { a: 1, b: [true, null, 'x'] }],
  ['an empty object', {}],
  ['text', 'hello'],
  ['empty text', ''],
  ['text beyond ASCII', 'žluťoučký kůň 🐎 \u0000 \n "'],
  ['a number', 42.5],
  ['null', null],
  ['false', false],
  ['a deep one', { a: { b: { c: { d: { e: [[[1]]] } } } } }],
  ['200 KiB', 'x'.repeat(200 * 1024)],
]

const roundTrips: readonly Case[] = bodies.map(([name, body]) => ({
  name: `the body arrives as it was: ${name}`,
  run: async t => {
    const any = t.anyQueue()
    const inbox = t.inbox<unknown>()
    await t.work(any, value => inbox.push(value))
    await t.bus.send(any, body as never)
    assert.deepEqual(await inbox.first(1), [body])
  },
}))

export const sendingCases: readonly Case[] = [
  ...roundTrips,
  {
    name: 'a send resolves with a receipt, and the message has its id',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<string>()
      const [receipt] = await t.bus.send(q, { n: 1 })
      assert.equal(receipt!.duplicate, false)
      await t.work(q, (_, { id }) => inbox.push(id))
      assert.deepEqual(await inbox.first(1), [receipt!.id])
    },
  },
  {
    name: 'ids differ, and sort by time',
    run: async t => {
      const q = t.queue()
      const receipts = await t.bus.send(q, [{ n: 1 }, { n: 2 }, { n: 3 }])
      assert.equal(new Set(receipts.map(({ id }) => id)).size, 3)
    },
  },
  {
    name: 'an id of one’s own is the id',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<string>()
      const [receipt] = await t.bus.send(q, { n: 1 }, { id: 'mine-1' })
      assert.equal(receipt!.id, 'mine-1')
      await t.work(q, (_, { id }) => inbox.push(id))
      assert.deepEqual(await inbox.first(1), ['mine-1'])
    },
  },
  ...['with space', 'ž', '', 'x'.repeat(201)].map(
    (id): Case => ({
      name: `an id that some backend could not carry is refused: “${id.slice(0, 10)}”`,
      run: async t => {
        await assert.rejects(t.bus.send(t.queue(), { n: 1 }, { id }), { code: 'SPILLWAY_E_ID' })
      },
    }),
  ),
  {
    name: 'one id for several messages is refused',
    run: async t => {
      const sending = t.bus.send(t.queue(), [{ n: 1 }, { n: 2 }], { id: 'mine' })
      await assert.rejects(sending, { code: 'SPILLWAY_E_ID' })
    },
  },
  {
    name: 'several bodies are several messages, with a receipt each',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<number>()
      const items = Array.from({ length: 25 }, (_, n) => ({ n }))
      const receipts = await t.bus.send(q, items)
      assert.equal(receipts.length, 25)
      await t.work(q, ({ n }) => inbox.push(n))
      const got = await inbox.first(25)
      assert.deepEqual(
        got.sort((a, b) => a - b),
        items.map(({ n }) => n),
      )
    },
  },
  {
    name: 'no body at all is no message',
    run: async t => {
      const q = t.queue()
      assert.deepEqual(await t.bus.send(q, []), [])
    },
  },
  {
    name: 'bytes arrive as bytes',
    run: async t => {
      const any = t.anyQueue()
      const inbox = t.inbox<unknown>()
      await t.work(any, value => inbox.push(value))
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
      await t.bus.send(any, bytes as never)
      const [got] = await inbox.first(1)
      assert.ok(got instanceof Uint8Array)
      assert.deepEqual([...got], [...bytes])
    },
  },
  {
    name: 'bytes that say that they are JSON are JSON',
    run: async t => {
      const any = t.anyQueue()
      const inbox = t.inbox<unknown>()
      await t.work(any, value => inbox.push(value))
      const bytes = new TextEncoder().encode('{"from":"elsewhere"}')
      const headers = { 'content-type': 'application/json' }
      await t.bus.send(any, bytes as never, { headers })
      assert.deepEqual(await inbox.first(1), [{ from: 'elsewhere' }])
    },
  },
  {
    name: 'text of another language stays text',
    run: async t => {
      const any = t.anyQueue()
      const inbox = t.inbox<unknown>()
      await t.work(any, value => inbox.push(value))
      const bytes = new TextEncoder().encode('plain words')
      const headers = { 'Content-Type': 'text/plain; charset=utf-8' }
      await t.bus.send(any, bytes as never, { headers })
      assert.deepEqual(await inbox.first(1), ['plain words'])
    },
  },
  ...[undefined, () => 1, 10n].map(
    (body): Case => ({
      name: `what JSON cannot hold is refused: a value of type ${typeof body}`,
      run: async t => {
        const any = t.anyQueue()
        await assert.rejects(t.bus.send(any, body as never), { code: 'SPILLWAY_V_JSON' })
        assert.equal((await t.bus.depth(any)).ready, 0)
      },
    }),
  ),
  {
    name: 'a circle is refused',
    run: async t => {
      const circle: { self?: unknown } = {}
      circle.self = circle
      const sending = t.bus.send(t.anyQueue(), circle as never)
      await assert.rejects(sending, { code: 'SPILLWAY_V_JSON' })
    },
  },
  {
    name: 'by option, messages carry the attributes of CloudEvents beside our headers',
    run: async t => {
      const q = t.keyed()
      const bus = await t.open({ headers: 'cloudevents', name: 'shop' })
      const inbox = t.inbox<readonly [id: string, headers: Headers]>()
      await t.work(q, (_, { id, headers }) => inbox.push([id, headers]))
      const [receipt] = await bus.send(q, { n: 1, key: 'ada' })
      const [[id, headers]] = (await inbox.first(1)) as [readonly [string, Headers]]
      const found = Object.keys(headers).find(name => name.endsWith('specversion'))
      assert.ok(found !== undefined, `in ${Object.keys(headers)}`)
      const attribute = (name: string) => headers[found.replace('specversion', name)]
      assert.equal(headers[found], '1.0')
      assert.equal(id, receipt!.id)
      assert.equal(attribute('id'), receipt!.id)
      assert.equal(attribute('source'), 'shop')
      assert.equal(attribute('type'), q.name)
      assert.equal(attribute('subject'), 'ada')
      assert.equal(attribute('partitionkey'), 'ada')
      assert.match(attribute('time') ?? '', /^\d{4}-\d\d-\d\dT.*Z$/)
    },
  },
  {
    name: 'headers arrive, their names in lower case',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<{ readonly [name: string]: string }>()
      await t.bus.send(q, { n: 1 }, { headers: { 'X-Tenant': 'ada', other: 'ž' } })
      await t.work(q, (_, { headers }) => inbox.push(headers))
      const [headers] = await inbox.first(1)
      assert.equal(headers!['x-tenant'], 'ada')
      assert.equal(headers!['other'], 'ž')
    },
  },
  {
    name: 'the client’s own headers say what it is',
    run: async t => {
      const q = t.keyed()
      const inbox = t.inbox<{ readonly [name: string]: string }>()
      const [receipt] = await t.bus.send(q, { n: 1, key: 'ada' })
      await t.work(q, (_, { headers }) => inbox.push(headers))
      const [headers] = await inbox.first(1)
      assert.equal(headers!['content-type'], 'application/json')
      assert.equal(headers!['spillway-id'], receipt!.id)
      assert.equal(headers!['spillway-type'], q.name)
      assert.equal(headers!['spillway-key'], 'ada')
    },
  },
  {
    name: 'a header of the client’s own is refused',
    run: async t => {
      const headers = { 'Spillway-Id': 'x' }
      const sending = t.bus.send(t.queue(), { n: 1 }, { headers })
      await assert.rejects(sending, { code: 'SPILLWAY_E_HEADER' })
    },
  },
  {
    name: 'a wrong shape is refused, with its place, and nothing is sent',
    run: async t => {
      const q = t.shaped(numbered)
      await assert.rejects(t.bus.send(q, { n: 'x' } as never), {
        code: 'SPILLWAY_V_SEND',
        issues: [{ path: 'n', message: 'expected number, received string' }],
      })
      assert.equal((await t.bus.depth(q)).ready, 0)
    },
  },
  {
    name: 'one wrong shape among several: none is sent',
    run: async t => {
      const q = t.shaped(numbered)
      const items = [{ n: 1 }, { n: 'x' as never }, { n: 3 }]
      await assert.rejects(t.bus.send(q, items), { code: 'SPILLWAY_V_SEND' })
      assert.equal((await t.bus.depth(q)).ready, 0)
    },
  },
  {
    name: 'a schema may take its time',
    run: async t => {
      const q = t.shaped(eventually)
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      await t.bus.send(q, { n: 7 })
      assert.deepEqual(await inbox.first(1), [7])
      await assert.rejects(t.bus.send(q, {} as never), { code: 'SPILLWAY_V_SEND' })
    },
  },
  {
    name: 'a schema that transforms: the input is on the wire, the output in the handler',
    run: async t => {
      const q = t.shaped(parsed)
      const inbox = t.inbox<number>()
      await t.bus.send(q, { n: '12' })
      await t.work(q, ({ n }) => inbox.push(n))
      assert.deepEqual(await inbox.first(1), [12])
    },
  },
  {
    name: 'what is sent before anybody consumes is kept',
    run: async t => {
      const q = t.queue()
      await t.bus.send(q, [{ n: 1 }, { n: 2 }])
      const other = await t.open()
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n), { bus: other })
      assert.equal((await inbox.first(2)).length, 2)
    },
  },
  {
    name: '200 sends side by side arrive once each',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n), { concurrency: 10 })
      await Promise.all(Array.from({ length: 200 }, (_, n) => t.bus.send(q, { n })))
      await inbox.first(200)
      await t.drained(q)
      assert.equal(new Set(inbox.all).size, 200)
      assert.equal(inbox.all.length, 200)
    },
  },
  {
    name: 'more than the buffer holds is refused at once, and nothing of it is sent',
    run: async t => {
      const q = t.queue()
      const bus = await t.open({ buffer: { count: 10 } })
      const items = Array.from({ length: 11 }, (_, n): Item => ({ n }))
      const refusal = { code: 'SPILLWAY_E_OVERLOADED', retryable: true }
      await assert.rejects(bus.send(q, items), refusal)
      assert.equal((await t.bus.depth(q)).ready, 0)
      assert.equal((await bus.send(q, items.slice(0, 10))).length, 10)
    },
  },
  {
    name: 'the buffer’s bytes are bounded, too; one large message goes alone',
    run: async t => {
      const any = t.anyQueue()
      const bus = await t.open({ buffer: { bytes: 100 } })
      await bus.prepare(any)
      const large = 'x'.repeat(500)
      const both = await Promise.allSettled([
        bus.send(any, large as never),
        bus.send(any, large as never),
      ])
      assert.deepEqual(
        both.map(({ status }) => status),
        ['fulfilled', 'rejected'],
      )
    },
  },
  {
    name: 'a closed bus refuses',
    run: async t => {
      const bus = await t.open()
      await bus.close()
      await assert.rejects(bus.send(t.queue(), { n: 1 }), { code: 'SPILLWAY_E_CLOSED' })
      assert.throws(() => bus.consume(t.queue(), () => {}), { code: 'SPILLWAY_E_CLOSED' })
    },
  },
  {
    name: 'a queue and a topic cannot share a name, or are two things',
    run: async t => {
      const q = t.queue()
      const same = { ...t.topic(), name: q.name }
      await t.needs(same, 'send')
      await t.bus.send(q, { n: 1 })
      const [published] = await Promise.allSettled([t.bus.publish(same, { n: 2 })])
      if (published!.status === 'rejected') {
        assert.equal(published!.reason.code, 'SPILLWAY_P_CONFLICT')
      }
      assert.equal((await t.bus.depth(q)).ready, 1)
    },
  },
  {
    name: 'closing twice is closing once',
    run: async t => {
      const bus = await t.open()
      await Promise.all([bus.close(), bus.close()])
      await bus.close()
    },
  },
  {
    name: 'a topic is not sent to, and a queue is not published to, whatever the types say',
    run: async t => {
      const q = t.rpc<number, number>()
      await assert.rejects(t.bus.send(q as never, 1 as never), { code: 'SPILLWAY_E_CONTRACT' })
    },
  },
]
