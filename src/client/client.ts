/**
 * The public door of the client, `spillway`: contracts, one bus, any backend.
 *
 *     const orders = queue<{ id: string }>('orders')
 *     await using bus = await connect('memory:')
 *     await using worker = bus.consume(orders, order => console.log(order.id))
 *     await bus.send(orders, { id: 'o-1' })
 */

export { type Backoff, type Duration, exponential, fixed, linear } from './backoff.ts'
export type { Bus, ConsumeOptions, SubscribeFrom, SubscribeOptions } from './bus.ts'
export { type ConnectOptions, connect } from './connect.ts'
export {
  type AnyContract,
  type BackendOptions,
  type Queue,
  type QueueOptions,
  queue,
  type RetryOptions,
  type Rpc,
  rpc,
  type Topic,
  type TopicOptions,
  topic,
} from './contracts.ts'
export type * from './driver.ts'
export {
  BatchError,
  ClientError,
  PlanError,
  Reject,
  RemoteError,
  type ShapeIssue,
  TimeoutError,
  UnsupportedError,
  ValidationError,
} from './errors.ts'
export {
  type Caution,
  emulated,
  type Feature,
  features,
  impossible,
  native,
  type PlanRow,
  type Support,
} from './features.ts'
export type { Guarantee, Message } from './message.ts'
export type { Bodies, PublishOptions, Receipt, SendOptions } from './sending.ts'
export type { StandardSchema } from './standard-schema.ts'
export type { DrainOptions, Handler, Worker, WorkerOptions } from './worker.ts'
