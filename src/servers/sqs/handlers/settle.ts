/** What becomes of a message that was received: deleted, or visible sooner or later than it was. */

import type { Request } from '../connection.ts'
import { fail, invalidValue, missing, refuse } from '../errors.ts'
import { limits } from '../limits.ts'
import type { QueueView } from '../mapping.ts'
import { parseReceipt, type Receipt } from '../receipt.ts'
import { checkBatch, runBatch } from './batch.ts'

interface Queued {
  readonly QueueUrl?: string | undefined
}

interface DeleteEntry {
  readonly ReceiptHandle: string
}

interface VisibilityEntry extends DeleteEntry {
  readonly VisibilityTimeout?: number | undefined
}

export function deleteMessage(request: Request, input: Queued & DeleteEntry): undefined {
  const view = request.broker.queue(request.queueName(input.QueueUrl))
  remove(request, view, input)
}

export function deleteMessageBatch(
  request: Request,
  input: Queued & {
    readonly Entries?: readonly (DeleteEntry & { readonly Id: string })[] | undefined
  },
) {
  const { broker } = request
  const view = broker.queue(request.queueName(input.QueueUrl))
  const entries = checkBatch(input.Entries, 'DeleteMessageBatchRequestEntry')
  return broker.engine.batch(() =>
    runBatch(entries, entry => {
      remove(request, view, entry)
      return { Id: entry.Id }
    }),
  )
}

export function changeVisibility(request: Request, input: Queued & VisibilityEntry): undefined {
  const view = request.broker.queue(request.queueName(input.QueueUrl))
  change(request, view, input)
}

export function changeVisibilityBatch(
  request: Request,
  input: Queued & {
    readonly Entries?: readonly (VisibilityEntry & { readonly Id: string })[] | undefined
  },
) {
  const { broker } = request
  const view = broker.queue(request.queueName(input.QueueUrl))
  const entries = checkBatch(input.Entries, 'ChangeMessageVisibilityBatchRequestEntry')
  return broker.engine.batch(() =>
    runBatch(entries, entry => {
      change(request, view, entry)
      return { Id: entry.Id }
    }),
  )
}

function receiptOf(view: QueueView, text: string): Receipt {
  const receipt = parseReceipt(text)
  if (receipt !== undefined && receipt.salt === view.label.salt) return receipt
  fail(
    'ReceiptHandleIsInvalid',
    `The input receipt handle "${text}" is not a valid receipt handle.`,
  )
}

function remove({ broker }: Request, view: QueueView, { ReceiptHandle }: DeleteEntry): void {
  const { position, holder, salt } = receiptOf(view, ReceiptHandle)
  const { engine } = broker
  const target = { log: view.name }
  const outcome = engine.settle(target, holder, [position], { kind: 'done' })
  if (outcome.ok) {
    broker.firstReceives.forget(salt, position)
    return
  }
  if (outcome.error !== 'not-leased') refuse(outcome.error, outcome.detail)
  if (!isThere(broker, view, position)) return
  if (view.fifo) {
    invalidValue('ReceiptHandle', ReceiptHandle, 'The receipt handle has expired.')
  }
  // Visible again: nobody else has it, so it may go. Received again: the newer handle counts.
  if (engine.pending(target, { positions: [position] }).length > 0) return
  const trimmed = engine.trim(view.name, { positions: [position] })
  if (!trimmed.ok) refuse(trimmed.error, trimmed.detail)
  return
}

function isThere({ engine }: Request['broker'], view: QueueView, position: number): boolean {
  const found = engine.read(view.name, { position }, { countMax: 1, bytesMax: 1 })
  return found.ok && found.value[0]?.position === position
}

function change(
  { broker }: Request,
  view: QueueView,
  { ReceiptHandle, VisibilityTimeout: seconds }: VisibilityEntry,
): void {
  const { position, holder } = receiptOf(view, ReceiptHandle)
  if (seconds === undefined) missing('VisibilityTimeout')
  if (seconds < 0 || seconds > limits.visibilitySecondsMax) {
    invalidValue('VisibilityTimeout', seconds, 'Must be between 0 and 43200.')
  }
  const { engine } = broker
  const target = { log: view.name }
  const [lease] = engine.pending(target, { positions: [position] })
  // AWS takes an older handle of a standard queue's message for its present receive.
  const counts = lease !== undefined && (lease.holder === holder || !view.fifo)
  if (!counts) {
    if (lease === undefined && !isThere(broker, view, position)) {
      const reason = 'Message does not exist or is not available for visibility timeout change.'
      invalidValue('ReceiptHandle', ReceiptHandle, reason)
    }
    // AWS accepts it for a message of a standard queue that has become visible again.
    if (lease === undefined && !view.fifo) return
    fail('MessageNotInflight', 'The specified message is not in flight.')
  }
  const leaseMs = seconds * 1000
  if (broker.now + leaseMs - lease.leasedAt > limits.visibilitySecondsMax * 1000) {
    const reason = 'Total VisibilityTimeout for the message is beyond the limit [43200 seconds]'
    invalidValue('VisibilityTimeout', seconds, reason)
  }
  const outcome =
    seconds === 0
      ? engine.settle(target, lease.holder, [position], { kind: 'return' })
      : engine.extend(target, [position], { leaseMs })
  if (!outcome.ok) refuse(outcome.error, outcome.detail)
  return
}
