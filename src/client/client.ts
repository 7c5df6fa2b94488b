/**
 * The public door of the client, `spillway`: contracts, one bus, any backend.
 *
 *     const orders = queue<{ id: string }>('orders')
 *     await using bus = await connect('memory:')
 *     await using worker = bus.consume(orders, order => console.log(order.id))
 *     await bus.send(orders, { id: 'o-1' })
 */

export { type Backoff, type Duration, exponential, fixed, linear } from './backoff.ts'
export type { BatchHandler, BatchOptions } from './batches.ts'
export type { Bus, Transaction } from './bus.ts'
export { type ConnectOptions, connect } from './connect.ts'
export type {
  ConsumeOptions,
  MessagesOptions,
  SubscribeOptions,
  WithInbox,
} from './consumers.ts'
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
export type {
  DeadLetter,
  DeadLetters,
  RedriveOptions,
  RedriveResult,
} from './dead-letters.ts'
export type {
  BusEvent,
  Consumer,
  Delivery,
  Depth,
  Driver,
  DriverContext,
  Endpoint,
  Headers,
  OpenDriver,
  Outgoing,
  SendResult,
  Settlement,
  Sink,
  Stored,
  Work,
} from './driver.ts'
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
export type { Event, ReadOptions, SubscribeFrom, Timestamp } from './history.ts'
export type {
  BatchInboxStore,
  InboxBatchHandler,
  InboxHandler,
  InboxMessage,
  InboxStore,
} from './inbox.ts'
export type { Guarantee, Message } from './message.ts'
export { type MoveOptions, type MoveResult, move } from './moving.ts'
export type { Outbox, OutboxOptions, OutboxRow, OutboxStore, RelayStep } from './outbox.ts'
export type { PlanUse } from './planning.ts'
export type { ReplayOptions, ReplayResult } from './replaying.ts'
export type { RequestOptions } from './requests.ts'
export type { Bodies, PublishOptions, Receipt, SendOptions } from './sending.ts'
export type { AdoptOptions } from './session.ts'
export type { StandardSchema } from './standard-schema.ts'
export type { DrainOptions, Handler, Worker, WorkerOptions } from './worker.ts'
