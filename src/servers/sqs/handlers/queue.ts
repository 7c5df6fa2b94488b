/** Queues themselves: made, described, changed, emptied, tagged, deleted. */

import type { LogInfo } from '../../../engine/model.ts'
import type { Parsed } from '../../../wire/schema/json.ts'
import type * as wire from '../../../wire/sqs/actions.ts'
import {
  type Attributes,
  definitions,
  fallbackOf,
  mergeAttributes,
  parseAllowPolicy,
  readOnly,
} from '../attributes.ts'
import type { SqsBroker } from '../broker.ts'
import type { Request } from '../connection.ts'
import { fail, invalidValue, refuse } from '../errors.ts'
import { limits } from '../limits.ts'
import {
  isScopedByGroup,
  logInputOf,
  type QueueLabel,
  type QueueView,
  redrivePolicyOf,
} from '../mapping.ts'
import { arnOf, checkQueueName, urlOf } from '../names.ts'

type Input<Action> = Action extends { readonly request: infer T } ? Parsed<T> : never
type QueueInput = { readonly QueueUrl?: string | undefined }

export function createQueue(request: Request, input: Input<typeof wire.CreateQueue>) {
  const { broker } = request
  const name = input.QueueName
  const given = input.Attributes ?? {}
  const fifo = given['FifoQueue']?.toLowerCase() === 'true'
  if (given['FifoQueue'] !== undefined && !fifo) {
    fail('InvalidAttributeName', 'Unknown Attribute FifoQueue.')
  }
  checkQueueName(name, fifo)
  const url = { QueueUrl: urlOf(request.baseUrl, broker.place.account, name) }
  const before = broker.find(name)
  if (before !== undefined) {
    checkEqual(broker, before, mergeAttributes(given, {}, { fifo, isNew: true }), given)
    return url
  }
  const deletedAt = broker.recall<number>(`deleted/${name}`)
  if (deletedAt !== undefined && broker.now - deletedAt < broker.coolDownMs) {
    fail(
      'QueueDeletedRecently',
      'You must wait 60 seconds after deleting a queue before you can create another with the same name.',
    )
  }
  const attributes = mergeAttributes(given, {}, { fifo, isNew: true })
  checkTarget(broker, { name, fifo, attributes, given })
  const tags = input.tags ?? {}
  checkTags(tags)
  const { now } = broker
  const label: QueueLabel = {
    attributes,
    tags,
    createdAt: now,
    modifiedAt: now,
    region: request.region,
    salt: broker.newSalt(),
  }
  const outcome = broker.engine.createLog(name, logInputOf(label, fifo, broker.hasTarget(label)))
  if (!outcome.ok) refuse(outcome.error, outcome.detail)
  if (deletedAt !== undefined) broker.remember(`deleted/${name}`, undefined)
  broker.relinkSources(name)
  return url
}

/** The same name again is the same queue, as long as nothing that was named differs. */
function checkEqual(
  broker: SqsBroker,
  view: QueueView,
  wanted: Attributes,
  given: Attributes,
): void {
  const isFifo = given['FifoQueue']?.toLowerCase() === 'true'
  const different = (name: string) =>
    fail(
      'QueueNameExists',
      `A queue already exists with the same name and a different value for attribute ${name}`,
    )
  if (isFifo !== view.fifo && broker.find(view.name) !== undefined) different('FifoQueue')
  for (const name of Object.keys(given)) {
    if (name === 'FifoQueue') continue
    const value = view.label.attributes[name] ?? fallbackOf(name, view.fifo)
    if ((wanted[name] ?? fallbackOf(name, view.fifo)) !== value) different(name)
  }
}

/** A dead-letter queue must be there, of the same kind, and must allow it. */
function checkTarget(
  broker: SqsBroker,
  queue: {
    readonly name: string
    readonly fifo: boolean
    readonly attributes: Attributes
    readonly given: Attributes
  },
): void {
  const text = queue.given['RedrivePolicy']
  const policy = redrivePolicyOf(queue.attributes)
  if (text === undefined || text === '' || policy === undefined) return
  const wrong = (reason: string) => invalidValue('RedrivePolicy', text, reason)
  const target = broker.find(policy.target)
  if (target === undefined) return wrong('Dead letter target does not exist.')
  if (target.fifo !== queue.fifo) {
    return wrong('Dead-letter queue must be same type of queue as the source.')
  }
  const allow = target.label.attributes['RedriveAllowPolicy']
  const allowed = allow === undefined ? undefined : parseAllowPolicy(allow)
  if (allowed !== undefined && !allowed.includes(queue.name)) {
    wrong('Dead letter target does not allow this source queue.')
  }
}

export function deleteQueue(request: Request, input: QueueInput): undefined {
  const { broker } = request
  const view = broker.queue(request.queueName(input.QueueUrl))
  broker.engine.batch(() => {
    const outcome = broker.engine.dropLog(view.name)
    if (!outcome.ok) refuse(outcome.error, outcome.detail)
    if (broker.coolDownMs > 0) broker.remember(`deleted/${view.name}`, broker.now)
    broker.relinkSources(view.name)
  })
  for (const [field, at] of broker.recallAll<number>('deleted/')) {
    if (broker.now - at >= broker.coolDownMs) broker.remember(field, undefined)
  }
}

export function getUrl(request: Request, input: Input<typeof wire.GetQueueUrl>) {
  const { broker } = request
  const { name } = broker.queue(input.QueueName)
  return { QueueUrl: urlOf(request.baseUrl, broker.place.account, name) }
}

export function getAttributes(request: Request, input: Input<typeof wire.GetQueueAttributes>) {
  const { broker } = request
  const view = broker.queue(request.queueName(input.QueueUrl))
  const info = broker.engine.log(view.name, { touch: true })!
  const names = input.AttributeNames ?? []
  for (const name of names) {
    const known = name === 'All' || Object.hasOwn(definitions, name)
    if (!known && !(readOnly as readonly string[]).includes(name)) {
      fail('InvalidAttributeName', `Unknown Attribute ${name}.`)
    }
  }
  const all = allAttributes(broker, view, info)
  const wanted = names.includes('All') ? Object.keys(all) : names
  const found: { [name: string]: string } = {}
  for (const name of wanted) if (all[name] !== undefined) found[name] = all[name]
  return Object.keys(found).length === 0 ? {} : { Attributes: found }
}

function allAttributes(
  broker: SqsBroker,
  view: QueueView,
  info: LogInfo,
): { readonly [name: string]: string } {
  const { label, fifo } = view
  const seconds = (ms: number) => String(Math.floor(ms / 1000))
  const all: { [name: string]: string } = {}
  for (const name of Object.keys(definitions)) {
    const value = label.attributes[name] ?? fallbackOf(name, fifo)
    if (value !== undefined) all[name] = value
  }
  if (fifo) all['FifoQueue'] = 'true'
  if (all['KmsMasterKeyId'] === undefined) delete all['KmsDataKeyReusePeriodSeconds']
  all['ApproximateNumberOfMessages'] = String(info.ready)
  all['ApproximateNumberOfMessagesDelayed'] = String(info.delayed)
  all['ApproximateNumberOfMessagesNotVisible'] = String(info.leased)
  all['CreatedTimestamp'] = seconds(label.createdAt)
  all['LastModifiedTimestamp'] = seconds(label.modifiedAt)
  all['QueueArn'] = arnOf({ ...broker.place, region: label.region }, view.name)
  return all
}

export function setAttributes(
  request: Request,
  input: Input<typeof wire.SetQueueAttributes>,
): undefined {
  const { broker } = request
  const view = broker.queue(request.queueName(input.QueueUrl))
  const { fifo, name } = view
  const given = input.Attributes
  const attributes = mergeAttributes(given, view.label.attributes, { fifo, isNew: false })
  checkTarget(broker, { name, fifo, attributes, given })
  const scope = attributes['DeduplicationScope']
  const isNewScope = scope !== view.label.attributes['DeduplicationScope']
  // AWS takes up to a minute to bring a change to where it is looked at: this one is felt.
  const until = broker.now + broker.coolDownMs
  const scopeBefore = { byGroup: isScopedByGroup(view, broker.now), until }
  broker.relabel(view, isNewScope ? { attributes, scopeBefore } : { attributes })
}

export function purge(request: Request, input: QueueInput): undefined {
  const { broker } = request
  const view = broker.queue(request.queueName(input.QueueUrl))
  const { name } = view
  const purgedAt = broker.recall<number>(`purged/${name}`)
  if (purgedAt !== undefined && broker.now - purgedAt < broker.coolDownMs) {
    fail(
      'PurgeQueueInProgress',
      `Only one PurgeQueue operation on ${name} is allowed every 60 seconds.`,
    )
  }
  broker.engine.batch(() => {
    const { next } = broker.engine.log(name)!
    const outcome = broker.engine.trim(name, { before: next })
    if (!outcome.ok) refuse(outcome.error, outcome.detail)
    const { modifiedAt, purges = 0 } = view.label
    if (view.fifo) broker.relabel(view, { purges: purges + 1, modifiedAt })
  })
  if (broker.coolDownMs > 0) broker.remember(`purged/${name}`, broker.now)
}

// Tags

export function listTags(request: Request, input: QueueInput) {
  const { tags } = request.broker.queue(request.queueName(input.QueueUrl)).label
  return Object.keys(tags).length === 0 ? {} : { Tags: tags }
}

export function tag(request: Request, input: Input<typeof wire.TagQueue>): undefined {
  const { broker } = request
  const view = broker.queue(request.queueName(input.QueueUrl))
  const tags = { ...view.label.tags, ...input.Tags }
  if (Object.keys(input.Tags).length === 0) {
    fail('MissingRequiredParameterException', 'The request must contain the parameter Tags.')
  }
  checkTags(tags)
  broker.relabel(view, { tags })
}

export function untag(request: Request, input: Input<typeof wire.UntagQueue>): undefined {
  const { broker } = request
  const view = broker.queue(request.queueName(input.QueueUrl))
  const tags = Object.entries(view.label.tags).filter(([key]) => !input.TagKeys.includes(key))
  broker.relabel(view, { tags: Object.fromEntries(tags) })
}

function checkTags(tags: Attributes): void {
  const entries = Object.entries(tags)
  if (entries.length > limits.tagsMax) {
    fail(
      'InvalidParameterValueException',
      `Too many tags added for queue: at most ${limits.tagsMax}.`,
    )
  }
  for (const [key, value] of entries) {
    if (key.length === 0 || key.length > limits.tagKeyMax || value.length > limits.tagValueMax) {
      fail('InvalidParameterValueException', `The tag ${key} is too long, or has no name.`)
    }
  }
}
