/**
 * The attributes of a queue: which there are, what they may be, and their defaults. All values are
 * text, as in AWS.
 */

import { fail, invalidValue } from './errors.ts'
import { limits } from './limits.ts'
import { nameOfArn } from './names.ts'

export type Attributes = { readonly [name: string]: string }

interface Definition {
  /** Smallest and largest integer. */
  readonly range?: readonly [number, number]
  readonly values?: readonly string[]
  readonly fifo?: true
  /** Undefined: absent unless set. */
  readonly fallback?: string
  readonly note: string
}

const truth = ['true', 'false'] as const

/** The table of attributes that can be set. The page about SQS is printed from it. */
export const definitions: { readonly [name: string]: Definition } = {
  VisibilityTimeout: { range: [0, limits.visibilitySecondsMax], fallback: '30', note: 'seconds' },
  DelaySeconds: { range: [0, limits.delaySecondsMax], fallback: '0', note: 'seconds' },
  ReceiveMessageWaitTimeSeconds: {
    range: [0, limits.waitSecondsMax],
    fallback: '0',
    note: 'seconds of a long poll',
  },
  MaximumMessageSize: {
    range: [limits.messageBytesMin, limits.messageBytesMax],
    fallback: String(limits.messageBytesMax),
    note: 'bytes of body and attributes',
  },
  MessageRetentionPeriod: {
    range: [limits.retentionSecondsMin, limits.retentionSecondsMax],
    fallback: String(limits.retentionSeconds),
    note: 'seconds; a change applies to messages sent afterwards',
  },
  RedrivePolicy: { note: 'deadLetterTargetArn, maxReceiveCount 1 to 1000' },
  RedriveAllowPolicy: { note: 'allowAll, denyAll, byQueue with up to 10 sourceQueueArns' },
  Policy: { note: 'stored, not enforced' },
  KmsMasterKeyId: { note: 'stored, nothing is encrypted by it' },
  KmsDataKeyReusePeriodSeconds: { range: [60, 86_400], note: 'stored' },
  SqsManagedSseEnabled: { values: truth, fallback: 'true', note: 'stored' },
  FifoQueue: { values: truth, fifo: true, note: 'only when created' },
  ContentBasedDeduplication: { values: truth, fifo: true, fallback: 'false', note: '' },
  DeduplicationScope: {
    values: ['queue', 'messageGroup'],
    fifo: true,
    fallback: 'queue',
    note: '',
  },
  FifoThroughputLimit: {
    values: ['perQueue', 'perMessageGroupId'],
    fifo: true,
    fallback: 'perQueue',
    note: 'nothing is throttled',
  },
}

export const readOnly = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesDelayed',
  'ApproximateNumberOfMessagesNotVisible',
  'CreatedTimestamp',
  'LastModifiedTimestamp',
  'QueueArn',
] as const

/** Set to nothing, they are taken off. */
const removable = [
  'RedrivePolicy',
  'RedriveAllowPolicy',
  'Policy',
  'KmsMasterKeyId',
  'KmsDataKeyReusePeriodSeconds',
]

export interface RedrivePolicy {
  readonly target: string
  readonly arn: string
  readonly maxReceiveCount: number
}

/** Checks what is given, against what is there: a new queue has nothing. Returns all of it. */
export function mergeAttributes(
  given: Attributes,
  before: Attributes,
  { fifo, isNew }: { readonly fifo: boolean; readonly isNew: boolean },
): Attributes {
  const merged: { [name: string]: string } = { ...before }
  for (const [name, value] of Object.entries(given)) {
    const definition = Object.hasOwn(definitions, name) ? definitions[name] : undefined
    if (definition === undefined) fail('InvalidAttributeName', `Unknown Attribute ${name}.`)
    if (definition.fifo === true && !fifo) refuseFifoAttribute(name)
    if (value === '' && removable.includes(name)) {
      delete merged[name]
      continue
    }
    // AWS takes True for true, as Python prints it.
    const text = definition.values === truth ? value.toLowerCase() : value
    checkValue(name, text, definition)
    merged[name] = text
  }
  if (fifo && !isNew && given['FifoQueue']?.toLowerCase() === 'false') {
    invalidAttribute('FifoQueue', ' Reason: Modifying queue type is not supported.')
  }
  checkEncryption(given, merged)
  if (merged['RedrivePolicy'] !== undefined) {
    const policy = parseRedrivePolicy(merged['RedrivePolicy'])
    merged['RedrivePolicy'] = printRedrivePolicy(policy)
  }
  if (given['RedriveAllowPolicy'] !== undefined && given['RedriveAllowPolicy'] !== '') {
    parseAllowPolicy(given['RedriveAllowPolicy'])
  }
  const throughput = merged['FifoThroughputLimit'] === 'perMessageGroupId'
  if (throughput && merged['DeduplicationScope'] !== 'messageGroup') {
    invalidAttribute('FifoThroughputLimit', '')
  }
  return merged
}

function refuseFifoAttribute(name: string): never {
  if (name === 'DeduplicationScope' || name === 'FifoThroughputLimit') {
    fail('InvalidAttributeName', `You can specify the ${name} only when FifoQueue is set to true.`)
  }
  fail('InvalidAttributeName', `Unknown Attribute ${name}.`)
}

function invalidAttribute(name: string, reason: string): never {
  fail('InvalidAttributeValue', `Invalid value for the parameter ${name}.${reason}`)
}

function checkValue(name: string, value: string, { range, values }: Definition): void {
  if (range !== undefined) {
    const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN
    if (!(number >= range[0] && number <= range[1])) invalidAttribute(name, '')
  }
  if (values !== undefined && !values.includes(value)) invalidAttribute(name, '')
  if (name === 'Policy') {
    try {
      JSON.parse(value)
    } catch {
      invalidAttribute(name, ' Reason: Policy is not a valid JSON document.')
    }
  }
}

function checkEncryption(given: Attributes, merged: { [name: string]: string }): void {
  const kms = given['KmsMasterKeyId'] !== undefined && given['KmsMasterKeyId'] !== ''
  if (kms && given['SqsManagedSseEnabled'] === 'true') {
    fail(
      'InvalidAttributeName',
      'You can use one type of server-side encryption (SSE) at one time. You can either enable ' +
        'KMS SSE or SQS SSE.',
    )
  }
  if (kms) merged['SqsManagedSseEnabled'] = 'false'
  else if (given['SqsManagedSseEnabled'] === 'true') {
    delete merged['KmsMasterKeyId']
    delete merged['KmsDataKeyReusePeriodSeconds']
  }
}

export function parseRedrivePolicy(text: string): RedrivePolicy {
  const wrong = (reason: string): never => invalidValue('RedrivePolicy', text, reason)
  const policy = parseObject(text) ?? wrong('Redrive policy is not a valid JSON map.')
  const arn = policy['deadLetterTargetArn']
  const count = policy['maxReceiveCount'] ?? 10
  if (typeof arn !== 'string') {
    return wrong('Redrive policy does not contain mandatory attribute: deadLetterTargetArn.')
  }
  const maxReceiveCount = typeof count === 'string' ? Number(count) : count
  const isCount = typeof maxReceiveCount === 'number' && Number.isInteger(maxReceiveCount)
  if (!isCount || maxReceiveCount < 1 || maxReceiveCount > limits.receiveCountMax) {
    return wrong(
      `Invalid value for maxReceiveCount: ${count}, valid values are from 1 to 1000 both inclusive.`,
    )
  }
  const target = nameOfArn(arn)
  if (target === undefined) return wrong('Invalid value for deadLetterTargetArn.')
  return { target, arn, maxReceiveCount }
}

function printRedrivePolicy({ arn, maxReceiveCount }: RedrivePolicy): string {
  return JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount })
}

/** The names of the queues that may use this one for dead letters; undefined: all of them. */
export function parseAllowPolicy(text: string): readonly string[] | undefined {
  const wrong = (reason: string): never => invalidValue('RedriveAllowPolicy', text, reason)
  const policy =
    parseObject(text) ??
    wrong("Amazon SQS can't create the redrive allow policy, as it's in an unsupported format.")
  const permission = policy['redrivePermission']
  const arns = policy['sourceQueueArns']
  if (permission === 'allowAll' && arns === undefined) return undefined
  if (permission === 'denyAll' && arns === undefined) return []
  if (permission !== 'byQueue' || !Array.isArray(arns) || arns.length === 0 || arns.length > 10) {
    return wrong("Amazon SQS can't create the redrive allow policy.")
  }
  return arns.map(arn => nameOfArn(String(arn)) ?? '')
}

function parseObject(text: string): { readonly [name: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as { readonly [name: string]: unknown })
      : undefined
  } catch {
    return undefined
  }
}

/** What an attribute is when nobody has set it. */
export function fallbackOf(name: string, fifo: boolean): string | undefined {
  const definition = definitions[name]
  if (definition === undefined || (definition.fifo === true && !fifo)) return undefined
  return definition.fallback
}
