/**
 * The public door `spillway/node-test`: a broker for the tests of a suite or file, with the runner
 * of Node itself.
 *
 *     const broker = useBroker({ protocols: ['amqp'] })
 *
 *     test('an order is charged once', async () => {
 *       const connection = await amqp.connect(broker.urls.amqp)
 *       …
 *     })
 *
 * When a test fails, the lives of its messages are printed with it.
 */

import { after, afterEach, before, beforeEach } from 'node:test'
import { type BrokerOptions, startBroker, type TestBroker } from './broker.ts'

export type { BrokerOptions, Protocol, TestBroker } from './broker.ts'

export interface UseOptions extends BrokerOptions {
  /** `test` (the default): each test has its own. `file`: all tests of the suite share one. */
  readonly per?: 'test' | 'file' | undefined
}

/** What the hooks are given; `passed` is there since Node 20.12. */
interface Ended {
  readonly name: string
  readonly passed?: boolean
  diagnostic(message: string): void
}

/**
 * Call it where the hooks belong: at the top of a file, or in `describe`. What it returns is the
 * broker of the test that runs; tests that run at the same time need `startBroker` of their own.
 */
export function useBroker({ per = 'test', ...options }: UseOptions = {}): TestBroker {
  let current: TestBroker | undefined
  let isTaken = false
  const start = async (): Promise<void> => {
    if (isTaken) throw new TypeError(sameTime)
    isTaken = true
    current = await startBroker(options)
  }
  const stop = async (): Promise<void> => {
    const ended = current
    current = undefined
    await ended?.close()
    isTaken = false
  }
  const report = (context: unknown): void => {
    const { passed, diagnostic } = context as Ended
    if (passed !== false || current === undefined) return
    for (const line of current.harness.story().split('\n')) diagnostic.call(context, line)
  }
  if (per === 'file') {
    before(start)
    afterEach(report)
    after(stop)
  } else {
    beforeEach(start)
    afterEach(async context => {
      report(context)
      await stop()
    })
  }
  return currentBroker(() => current)
}

const sameTime =
  'tests that share useBroker() run one after the other; with `concurrency` use startBroker()'

/** The broker that there is now, under one name for all tests. */
function currentBroker(find: () => TestBroker | undefined): TestBroker {
  return new Proxy({} as TestBroker, {
    get: (_, name) => {
      const broker = find()
      if (broker === undefined) {
        throw new TypeError('there is a broker while a test runs: use it inside of one')
      }
      return Reflect.get(broker, name, broker)
    },
  })
}
