/**
 * ReceiveMessage: leases for up to ten messages, at once or after a wait. A wait ends when the
 * queue has something to hand out, for whatever reason, when its time is over, or when the client
 * goes: then it takes nothing with it.
 */

import type { Delivery } from '../../../engine/model.ts'
import type { Timer } from '../../../engine/ports.ts'
import type { Parsed } from '../../../wire/schema/json.ts'
import type * as wire from '../../../wire/sqs/actions.ts'
import type { Request } from '../connection.ts'
import { fail, invalidValue, notFoundText, refuse, SqsFailure } from '../errors.ts'
import { limits } from '../limits.ts'
import type { QueueView } from '../mapping.ts'
import { messageOf, type Shown, type Wanted } from '../message.ts'
import { checkId } from '../names.ts'

type Input = Parsed<(typeof wire.ReceiveMessage)['request']>

/** A request that has been checked. */
interface Plan {
  readonly name: string
  readonly countMax: number
  readonly leaseMs: number | undefined
  readonly waitMs: number
  readonly wanted: Wanted
  readonly attempt: string | undefined
}

/** What is remembered of a receive that named itself. */
interface Attempt {
  readonly holder: string
  readonly positions: readonly number[]
  readonly until: number
}

export function receive(request: Request, input: Input): void {
  const view = request.broker.queue(request.queueName(input.QueueUrl))
  const plan = planOf(view, input)
  if (plan.attempt !== undefined && repeat(request, view, plan)) return
  const result = take(request, view, plan)
  if (result.Messages !== undefined || plan.waitMs === 0) {
    reply(request, plan, result)
    return
  }
  wait(request, plan)
}

function planOf(view: QueueView, input: Input): Plan {
  const {
    MaxNumberOfMessages: count = 1,
    WaitTimeSeconds: wait,
    VisibilityTimeout: seconds,
  } = input
  if (count < 1 || count > limits.batchMax) {
    const reason = 'Must be between 1 and 10, if provided.'
    invalidValue('MaxNumberOfMessages', count, reason)
  }
  if (wait !== undefined && (wait < 0 || wait > limits.waitSecondsMax)) {
    invalidValue('WaitTimeSeconds', wait, 'Must be >= 0 and <= 20, if provided.')
  }
  if (seconds !== undefined && (seconds < 0 || seconds > limits.visibilitySecondsMax)) {
    invalidValue('VisibilityTimeout', seconds, 'Must be >= 0 and <= 43200, if provided.')
  }
  const attempt = view.fifo ? input.ReceiveRequestAttemptId : undefined
  if (attempt !== undefined) checkId('ReceiveRequestAttemptId', attempt)
  return {
    name: view.name,
    countMax: count,
    leaseMs: seconds === undefined ? undefined : seconds * 1000,
    waitMs: wait === undefined ? view.waitMs : wait * 1000,
    wanted: wantedOf(input),
    attempt,
  }
}

const nothing: Wanted = { system: new Set(), attributes: [] }

function wantedOf(input: Input): Wanted {
  const { AttributeNames: old, MessageSystemAttributeNames: system } = input
  const { MessageAttributeNames: attributes } = input
  if (old === undefined && system === undefined && attributes === undefined) return nothing
  return { system: new Set([...(old ?? []), ...(system ?? [])]), attributes: attributes ?? [] }
}

interface Taken {
  readonly holder: string
  readonly positions: readonly number[]
  readonly Messages: readonly Shown[] | undefined
  /** All of them are on the disk: the answer need not wait for what others send. */
  readonly stored: boolean
}

const none = { positions: [], Messages: undefined, stored: false } as const

/** Leases what there is now. */
function take(request: Request, view: QueueView, plan: Plan): Taken {
  const { broker } = request
  const { engine } = broker
  if (!view.fifo && engine.glance(view.name)!.leased >= limits.inFlightMax) {
    if (plan.waitMs > 0) return { holder: '', ...none }
    fail('OverLimit', 'The maximum number of in flight messages is reached.')
  }
  const holder = broker.nextHolder()
  const leaseMs = plan.leaseMs ?? view.visibilityMs
  const { countMax } = plan
  const outcome = engine.lease({ log: view.name }, { holder, countMax, leaseMs })
  if (!outcome.ok) refuse(outcome.error, outcome.detail)
  const positions = outcome.value.map(({ record }) => record.position)
  if (positions.length === 0) return { holder, ...none }
  const stored = outcome.value.every(delivery => delivery.stored === true)
  const Messages = outcome.value.map(delivery => shown(request, view, delivery, { holder, plan }))
  if (leaseMs === 0) engine.settle({ log: view.name }, holder, positions, { kind: 'return' })
  return { holder, positions, Messages, stored }
}

function shown(
  { broker }: Request,
  view: QueueView,
  delivery: Delivery,
  { holder, plan }: { readonly holder: string; readonly plan: Plan },
): Shown {
  const { salt } = view.label
  const { position } = delivery.record
  if (delivery.attempts === 1) {
    broker.firstReceives.note(salt, position, broker.now)
    broker.fairness.taken(view, delivery.record)
  }
  const firstAt = broker.firstReceives.of(salt, position) ?? broker.now
  return messageOf(broker, view, delivery, { holder, wanted: plan.wanted, firstAt })
}

function reply(request: Request, plan: Plan, taken: Taken): void {
  const { holder, positions, Messages, stored } = taken
  if (Messages === undefined) {
    request.finish({}, 'records')
    return
  }
  if (plan.attempt !== undefined) keepAttempt(request, plan, { holder, positions })
  const reveals = stored ? 'stored' : 'records'
  request.finishReceived(Messages, reveals, () => giveBack(request, plan, { holder, positions }))
}

/** The client has gone before it could have got them: they were never received. */
function giveBack(
  { broker }: Request,
  { name }: Plan,
  { holder, positions }: Pick<Taken, 'holder' | 'positions'>,
): void {
  const back = { kind: 'return', counted: false } as const
  for (const position of positions) broker.engine.settle({ log: name }, holder, [position], back)
}

// Long polls

function wait(request: Request, plan: Plan): void {
  const { broker, call } = request
  if (broker.waiting.size >= limits.waitersMax) {
    fail('OverLimit', 'Too many requests wait for messages.')
  }
  let watch: { cancel(): void } | undefined
  const end = (): void => {
    watch?.cancel()
    timer.cancel()
    broker.waiting.delete(waiter)
    call.onAborted = undefined
  }
  const giveUp = (): void => {
    end()
    request.finish({}, 'records')
  }
  const waiter = { giveUp }
  const timer: Timer = broker.options.clock.schedule(plan.waitMs, giveUp)
  const look = (): void => {
    try {
      const view = broker.find(plan.name)
      if (view === undefined) throw new SqsFailure('QueueDoesNotExist', notFoundText)
      const taken = take(request, view, plan)
      if (taken.Messages !== undefined) {
        end()
        reply(request, plan, taken)
      } else {
        watchAgain()
      }
    } catch (error) {
      end()
      request.refuse(error)
    }
  }
  const watchAgain = (): void => {
    const outcome = broker.engine.watch(plan.name, 'ready', look)
    if (!outcome.ok) refuse(outcome.error, outcome.detail)
    watch = outcome.value
  }
  broker.waiting.add(waiter)
  call.onAborted = end
  watchAgain()
}

// Receive request attempts

function attemptField({ name, attempt }: Plan): string {
  return `attempt/${name}/${attempt}`
}

/** The same attempt again gets the same messages, as long as nobody has touched any of them. */
function repeat(request: Request, view: QueueView, plan: Plan): boolean {
  const { broker } = request
  const field = attemptField(plan)
  const attempt = broker.recall<Attempt>(field)
  if (attempt === undefined || attempt.until <= broker.now) return false
  const { holder, positions } = attempt
  const target = { log: view.name }
  const held = broker.engine.pending(target, { positions, holder })
  if (held.length !== positions.length) return false
  const leaseMs = plan.leaseMs ?? view.visibilityMs
  const outcome = broker.engine.extend(target, positions, { leaseMs })
  if (!outcome.ok) return false
  const Messages = outcome.value.map(delivery => shown(request, view, delivery, { holder, plan }))
  request.finish({ Messages }, 'records')
  return true
}

function keepAttempt(
  { broker }: Request,
  plan: Plan,
  { holder, positions }: Pick<Taken, 'holder' | 'positions'>,
): void {
  const { now } = broker
  const kept = broker.recallAll<Attempt>('attempt/')
  for (const [field, { until }] of kept) if (until <= now) broker.remember(field, undefined)
  if (kept.length >= limits.attemptsMax) return
  broker.remember(attemptField(plan), { holder, positions, until: now + limits.dedupeMs })
}
