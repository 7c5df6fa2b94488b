/**
 * The public door `spillway/vitest`: fixtures for `test.extend`. It imports nothing of vitest.
 *
 *     import { test as base } from 'vitest'
 *     import { brokerPerTest } from 'spillway/vitest'
 *
 *     const test = base.extend(brokerPerTest({ protocols: ['amqp'] }))
 *
 *     test('an order is charged once', async ({ broker }) => {
 *       const connection = await amqp.connect(broker.urls.amqp)
 *       …
 *     })
 *
 * A test that does not ask for `broker` starts none. When a test fails, the lives of its messages
 * are printed with it. Tests may run at the same time (`test.concurrent`).
 */

import { type BrokerOptions, startBroker, type TestBroker } from './broker.ts'

export type { BrokerOptions, Protocol, TestBroker } from './broker.ts'

/** What vitest hands to a fixture, as far as it is looked at. */
export interface TestContext {
  readonly task: {
    readonly name: string
    readonly result?: { readonly state?: string | undefined } | undefined
  }
}

type Use<T> = (value: T) => Promise<void>

export interface BrokerPerTest {
  readonly broker: (context: TestContext, use: Use<TestBroker>) => Promise<void>
}

/** Each test has a broker of its own. */
export function brokerPerTest(options: BrokerOptions = {}): BrokerPerTest {
  return {
    broker: async ({ task }, use) => {
      const broker = await startBroker(options)
      try {
        await use(broker)
        report(broker, task)
      } finally {
        await broker.close()
      }
    },
  }
}

/** What a test has: for `base.extend<WithBroker>(brokerPerFile())`, where it is not inferred. */
export interface WithBroker {
  readonly broker: TestBroker
}

export interface BrokerPerFile {
  readonly broker: [
    fixture: (context: object, use: Use<TestBroker>) => Promise<void>,
    options: { readonly scope: 'file' },
  ]
  /** Prints; nobody asks for it. */
  readonly brokerReport: [
    fixture: (
      context: TestContext & { readonly broker: TestBroker },
      use: Use<undefined>,
    ) => Promise<void>,
    options: { readonly auto: true },
  ]
}

/**
 * The tests of a file share one, with what the tests before have left in it. Vitest wants it at the
 * top of the file, outside of `describe`.
 *
 *     const test = base.extend<WithBroker>(brokerPerFile())
 */
export function brokerPerFile(options: BrokerOptions = {}): BrokerPerFile {
  return {
    broker: [
      // Vitest reads from the pattern which fixtures this one wants: none.
      // biome-ignore lint/correctness/noEmptyPattern: see above
      async ({}, use) => {
        const broker = await startBroker(options)
        try {
          await use(broker)
        } finally {
          await broker.close()
        }
      },
      { scope: 'file' },
    ],
    brokerReport: [
      async ({ broker, task }, use) => {
        await use(undefined)
        report(broker, task)
      },
      { auto: true },
    ],
  }
}

function report({ harness }: TestBroker, { name, result }: TestContext['task']): void {
  if (result?.state !== 'fail') return
  console.error(`${name}: what became of its messages\n${harness.story()}`)
}
