/** Cases about failure: attempts, backoff, dead letters, timeouts. */

import assert from 'node:assert/strict'
import { type Backoff, exponential, fixed, linear, Reject } from '../client/client.ts'
import { arrayOf, type Case } from './trial.ts'

const counted: readonly Case[] = [1, 2, 3, 5, 8].map(attempts => ({
  name: `attempts: ${attempts} is ${attempts} calls of the handler, then a dead letter`,
  run: async t => {
    const q = t.queue({ retry: { attempts, backoff: fixed(0) } })
    const inbox = t.inbox<number>()
    await t.work(q, (_, { attempt }) => {
      inbox.push(attempt)
      throw new RangeError(`attempt ${attempt}`)
    })
    await t.bus.send(q, { n: 1 })
    await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
    await t.drained(q)
    assert.deepEqual(
      inbox.all,
      Array.from({ length: attempts }, (_, index) => index + 1),
    )
    const [letter] = await arrayOf(t.bus.dlq(q).peek())
    assert.equal(letter!.attempt, attempts)
    assert.equal(letter!.error.name, 'RangeError')
    assert.equal(letter!.error.message, `attempt ${attempts}`)
    assert.equal(letter!.error.reason, 'attempts')
  },
}))

/** Each backoff with the waits that it means, in units. */
const backoffs: readonly (readonly [string, (unit: number) => Backoff, readonly number[]])[] = [
  ['fixed', unit => fixed(unit), [1, 1]],
  ['linear', unit => linear(unit, unit * 10), [1, 2]],
  ['exponential', unit => exponential(unit, unit * 10), [1, 2]],
  ['exponential up to its most', unit => exponential(unit, unit, 10), [1, 1]],
]

const waits: readonly Case[] = backoffs.map(([name, make, expected]) => ({
  name: `a failed message waits: ${name}`,
  run: async t => {
    const q = t.queue({ retry: { attempts: 3, backoff: make(t.unitMs) } })
    const inbox = t.inbox<number>()
    await t.work(q, () => {
      inbox.push(t.monotonic)
      throw new Error('not yet')
    })
    await t.bus.send(q, { n: 1 })
    const times = await inbox.first(3)
    for (const [index, units] of expected.entries()) {
      const waited = times[index + 1]! - times[index]!
      // A clock of whole milliseconds may be one early at both ends.
      assert.ok(waited >= units * t.unitMs - 2, `waited ${waited} ms, not ${units} units`)
    }
  },
}))

const thrown: readonly Case[] = (
  [
    ['text', 'just text', 'Error', 'just text'],
    ['undefined', undefined, 'Error', 'undefined'],
    ['an object', { a: 1 }, 'Error', '[object Object]'],
    ['an error of one’s own', Object.assign(new Error('x'), { name: 'MyError' }), 'MyError', 'x'],
    ['a very long text', new Error('x'.repeat(10_000)), 'Error', `${'x'.repeat(2000)}…`],
    ['text beyond ASCII', new Error('kůň\n🐎'), 'Error', 'kůň\n🐎'],
  ] as const
).map(([what, value, name, message]) => ({
  name: `whatever is thrown is in the dead letter: ${what}`,
  run: async t => {
    const q = t.queue({ retry: { attempts: 1 } })
    await t.work(q, () => {
      throw value
    })
    await t.bus.send(q, { n: 1 })
    await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
    const [letter] = await arrayOf(t.bus.dlq(q).peek())
    assert.equal(letter!.error.name, name)
    assert.equal(letter!.error.message, message)
  },
}))

export const retryCases: readonly Case[] = [
  ...counted,
  ...waits,
  ...thrown,
  {
    name: 'a success at the second attempt is a success',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<number>()
      await t.work(q, (_, { attempt }) => {
        inbox.push(attempt)
        if (attempt < 2) throw new Error('once')
      })
      await t.bus.send(q, { n: 1 })
      assert.deepEqual(await inbox.first(2), [1, 2])
      await t.drained(q)
      assert.equal(await t.bus.dlq(q).count(), 0)
    },
  },
  {
    name: 'a promise that rejects is a failure',
    run: async t => {
      const q = t.queue({ retry: { attempts: 1 } })
      await t.work(q, () => Promise.reject(new Error('later')))
      await t.bus.send(q, { n: 1 })
      await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
    },
  },
  {
    name: 'what fails does not hold up what has no key',
    run: async t => {
      const q = t.queue({ retry: { attempts: 2, backoff: fixed('10m') } })
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => {
        if (n === 1) throw new Error('first')
        inbox.push(n)
      })
      await t.bus.send(q, { n: 1 })
      await t.bus.send(q, { n: 2 })
      assert.deepEqual(await inbox.first(1), [2])
    },
  },
  {
    name: 'Reject is dead at once, whatever attempts are left',
    run: async t => {
      const q = t.queue({ retry: { attempts: 5 } })
      const inbox = t.inbox<number>()
      await t.work(q, (_, { attempt }) => {
        inbox.push(attempt)
        throw new Reject('negative total')
      })
      await t.bus.send(q, { n: 1 })
      await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
      const [letter] = await arrayOf(t.bus.dlq(q).peek())
      assert.deepEqual(inbox.all, [1])
      assert.equal(letter!.error.name, 'Reject')
      assert.equal(letter!.error.reason, 'rejected')
      assert.equal(letter!.error.message, 'negative total')
    },
  },
  {
    name: 'msg.reject is the same without a throw',
    run: async t => {
      const q = t.queue()
      await t.work(q, (_, message) => message.reject('no thanks'))
      await t.bus.send(q, { n: 1 })
      await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
      const [letter] = await arrayOf(t.bus.dlq(q).peek())
      assert.equal(letter!.error.message, 'no thanks')
    },
  },
  {
    name: 'msg.retry waits as long as it says, and counts',
    run: async t => {
      const q = t.queue({ retry: { attempts: 2, backoff: fixed('1h') } })
      const inbox = t.inbox<number>()
      await t.work(q, async (_, message) => {
        inbox.push(t.monotonic)
        await message.retry({ delay: t.unitMs, reason: 'gateway 429' })
      })
      await t.bus.send(q, { n: 1 })
      const [first, second] = await inbox.first(2)
      assert.ok(second! - first! >= t.unitMs - 2)
      await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
      const [letter] = await arrayOf(t.bus.dlq(q).peek())
      assert.equal(letter!.error.name, 'RetryError')
      assert.equal(letter!.error.message, 'gateway 429')
      assert.equal(letter!.attempt, 2)
    },
  },
  {
    name: 'a reschedule followed by a normal return keeps its retry',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<number>()
      await t.work(q, async (_, message) => {
        inbox.push(message.attempt)
        if (message.attempt === 1) await message.retry({ delay: 0 })
      })
      await t.bus.send(q, { n: 1 })
      assert.deepEqual(await inbox.first(2), [1, 2])
      await t.drained(q)
    },
  },
  {
    name: 'dlq: false drops what is dead, and says so',
    run: async t => {
      const q = t.queue({ dlq: false, retry: { attempts: 1 } })
      await t.work(q, () => {
        throw new Error('gone')
      })
      await t.bus.send(q, { n: 1 })
      await t.until('it is reported', () =>
        t.events.some(event => event.kind === 'failed' && event.outcome === 'dropped'),
      )
      await t.drained(q)
      assert.throws(() => t.bus.dlq(q), { code: 'SPILLWAY_E_CONTRACT' })
    },
  },
  {
    name: 'dead letters may have a name of their own',
    run: async t => {
      const name = t.nameOf('-graveyard')
      const q = t.queue({ dlq: name, retry: { attempts: 1 } })
      await t.work(q, () => {
        throw new Error('x')
      })
      await t.bus.send(q, { n: 1 })
      await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
      assert.equal(q.deadLetters, name)
    },
  },
  {
    name: 'every failure is an event, with what becomes of it',
    run: async t => {
      const q = t.queue({ retry: { attempts: 2, backoff: fixed(0) } })
      await t.work(q, () => {
        throw new Error('x')
      })
      await t.bus.send(q, { n: 1 })
      await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
      const outcomes = t.events.flatMap(event => (event.kind === 'failed' ? [event.outcome] : []))
      assert.deepEqual(outcomes, ['retry', 'dead'])
    },
  },
  {
    name: 'a handler that takes too long is aborted, tried again, and dead as a TimeoutError',
    run: async t => {
      const q = t.queue({ retry: { attempts: 2, backoff: fixed(0) } })
      const inbox = t.inbox<boolean>()
      const handler = (_: unknown, { signal }: { readonly signal: AbortSignal }) =>
        new Promise<void>(resolve => {
          signal.addEventListener('abort', () => {
            inbox.push(signal.aborted)
            resolve()
          })
        })
      await t.work(q, handler, { timeout: t.unitMs })
      await t.bus.send(q, { n: 1 })
      await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
      const [letter] = await arrayOf(t.bus.dlq(q).peek())
      assert.equal(letter!.error.name, 'TimeoutError')
      assert.deepEqual(inbox.all, [true, true])
    },
  },
  {
    name: 'a handler that returns after its time has not acknowledged',
    run: async t => {
      const q = t.queue({ retry: { attempts: 3, backoff: fixed(0) } })
      const gate = t.gate()
      const inbox = t.inbox<number>()
      const handler = async (_: unknown, message: { readonly attempt: number }) => {
        inbox.push(message.attempt)
        if (message.attempt === 1) await gate.opened
      }
      await t.work(q, handler, { timeout: t.unitMs, concurrency: 2 })
      await t.bus.send(q, { n: 1 })
      assert.deepEqual(await inbox.first(2), [1, 2])
      gate.open()
      await t.drained(q)
    },
  },
  {
    name: 'a retry outlives the application that asked for it',
    run: async t => {
      const q = t.queue({ retry: { attempts: 3, backoff: fixed(t.unitMs * 2) } })
      const first = await t.open()
      const inbox = t.inbox<number>()
      const fail = (_: unknown, { attempt }: { readonly attempt: number }) => {
        inbox.push(attempt)
        throw new Error('x')
      }
      await t.work(q, fail, { bus: first })
      await first.send(q, { n: 1 })
      await inbox.first(1)
      await first.close()
      await t.work(q, fail)
      assert.deepEqual(await inbox.first(3), [1, 2, 3])
      await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
    },
  },
  {
    name: 'a dead letter keeps body, id, key and headers',
    run: async t => {
      const q = t.keyed({ retry: { attempts: 1 } })
      await t.work(q, () => {
        throw new Error('x')
      })
      const options = { id: 'mine-7', headers: { tenant: 'ada' } }
      await t.bus.send(q, { n: 7, key: 'k' }, options)
      await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
      const [letter] = await arrayOf(t.bus.dlq(q).peek())
      assert.deepEqual(letter!.body, { n: 7, key: 'k' })
      assert.equal(letter!.id, 'mine-7')
      assert.equal(letter!.key, 'k')
      assert.equal(letter!.headers['tenant'], 'ada')
      assert.equal(letter!.source, q.name)
      assert.ok(Math.abs(letter!.diedAt - t.now) < 60_000)
    },
  },
]
