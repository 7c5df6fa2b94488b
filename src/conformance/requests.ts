/** Cases about request and reply. */

import assert from 'node:assert/strict'
import { numbered } from './shapes.ts'
import type { Case } from './trial.ts'

export const requestCases: readonly Case[] = [
  {
    name: 'a question has its answer',
    run: async t => {
      const double = t.rpc<number, number>()
      await t.needs(double, 'request')
      await t.answer(double, n => n * 2)
      assert.equal(await t.bus.request(double, 21, { timeout: '10s' }), 42)
    },
  },
  {
    name: '30 questions at a time, each with its own answer',
    run: async t => {
      const double = t.rpc<number, number>()
      await t.needs(double, 'request')
      await t.answer(double, n => n * 2)
      const all = Array.from({ length: 30 }, (_, n) => n)
      const answers = await Promise.all(all.map(n => t.bus.request(double, n, { timeout: '10s' })))
      assert.deepEqual(
        answers,
        all.map(n => n * 2),
      )
    },
  },
  {
    name: 'two who answer share the questions',
    run: async t => {
      const who = t.rpc<null, string>()
      await t.needs(who, 'request')
      const gate = t.gate()
      const answering = t.inbox<string>()
      for (const name of ['a', 'b']) {
        await t.answer(who, async () => {
          answering.push(name)
          await gate.opened
          return name
        })
      }
      // One of them may have fetched two before the other has come.
      const asking = [1, 2, 3, 4].map(() => t.bus.request(who, null, { timeout: '10s' }))
      const answers = Promise.all(asking)
      assert.deepEqual((await Promise.race([answering.first(2), answers])).sort(), ['a', 'b'])
      gate.open()
      assert.deepEqual(new Set(await answers), new Set(['a', 'b']))
    },
  },
  {
    name: 'what is thrown on the other side is thrown here, with its name',
    run: async t => {
      const fail = t.rpc<null, null>()
      await t.needs(fail, 'request')
      await t.answer(fail, () => {
        throw new RangeError('too much')
      })
      await assert.rejects(t.bus.request(fail, null, { timeout: '10s' }), {
        name: 'RemoteError',
        remoteName: 'RangeError',
        message: /too much/,
      })
    },
  },
  {
    name: 'without an answer in time it is a TimeoutError',
    run: async t => {
      const silent = t.rpc<null, null>()
      await t.needs(silent, 'request')
      const asking = t.bus.request(silent, null, { timeout: t.unitMs })
      await assert.rejects(asking, { name: 'TimeoutError', code: 'SPILLWAY_T_REPLY' })
    },
  },
  {
    name: 'a question whose time is over is not worked on',
    run: async t => {
      const echo = t.rpc<number, number>()
      await t.needs(echo, 'request')
      const late = t.bus.request(echo, 1, { timeout: t.unitMs })
      await assert.rejects(late, { code: 'SPILLWAY_T_REPLY' })
      await t.pass(t.unitMs)
      const inbox = t.inbox<number>()
      await t.answer(echo, n => {
        inbox.push(n)
        return n
      })
      assert.equal(await t.bus.request(echo, 2, { timeout: '10s' }), 2)
      assert.deepEqual(inbox.all, [2])
    },
  },
  {
    name: 'a question may be given up',
    run: async t => {
      const silent = t.rpc<null, null>()
      await t.needs(silent, 'request')
      const signal = AbortSignal.timeout(t.unitMs)
      const asking = t.bus.request(silent, null, { timeout: '1h', signal })
      await assert.rejects(asking, { name: 'TimeoutError' })
      const never = t.bus.request(silent, null, { timeout: '1h', signal: AbortSignal.abort() })
      await assert.rejects(never, { name: 'AbortError' })
    },
  },
  {
    name: 'a question of the wrong shape is not asked',
    run: async t => {
      const exact = t.rpcOf(numbered, numbered)
      const asking = t.bus.request(exact, { n: 'x' } as never, { timeout: '1s' })
      await assert.rejects(asking, { code: 'SPILLWAY_V_SEND' })
    },
  },
  {
    name: 'an answer of the wrong shape is an error for the one who asked',
    run: async t => {
      const exact = t.rpcOf(numbered, numbered)
      await t.needs(exact, 'request')
      await t.answer(exact, () => ({ n: 'x' }) as never)
      const asking = t.bus.request(exact, { n: 1 }, { timeout: '10s' })
      await assert.rejects(asking, { name: 'RemoteError', remoteName: 'ValidationError' })
    },
  },
  {
    name: 'a large answer arrives whole',
    run: async t => {
      const large = t.rpc<number, string>()
      await t.needs(large, 'request')
      await t.answer(large, n => 'x'.repeat(n))
      const answer = await t.bus.request(large, 100_000, { timeout: '10s' })
      assert.equal(answer.length, 100_000)
    },
  },
  {
    name: 'an application that asks may answer others, even itself',
    run: async t => {
      const outer = t.rpc<number, number>()
      const inner = t.rpc<number, number>()
      await t.needs(outer, 'request')
      await t.answer(inner, n => n + 1)
      const ask = async (n: number) => 10 * (await t.bus.request(inner, n, { timeout: '10s' }))
      await t.answer(outer, ask)
      assert.equal(await t.bus.request(outer, 1, { timeout: '10s' }), 20)
    },
  },
  {
    name: 'a bus that closes tells those who wait',
    run: async t => {
      const silent = t.rpc<null, null>()
      await t.needs(silent, 'request')
      const bus = await t.open()
      const asking = bus.request(silent, null, { timeout: '1h' })
      const told = assert.rejects(asking, { code: 'SPILLWAY_E_CLOSED' })
      await t.until('it is asked', async () => {
        const { ready } = await t.bus.depth({ ...t.queue(), name: `${silent.name}.requests` })
        return ready === 1
      })
      await bus.close()
      await told
    },
  },
]
