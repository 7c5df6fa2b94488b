/**
 * The public door `spillway/testing` on Node: the simulated world, which runs in a browser, too
 * (`testing/testing.ts`), and a whole broker for tests, which needs sockets.
 */

export * from '../testing/testing.ts'
export { type BrokerOptions, type Protocol, startBroker, type TestBroker } from './broker.ts'
export type { Chapter } from './chronicle.ts'
export { ManualClock } from './clock.ts'
export type { Faults } from './faults.ts'
export type { DeadMessage, Inspection } from './inspection.ts'
