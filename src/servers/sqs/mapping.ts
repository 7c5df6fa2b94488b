/**
 * Between SQS' definitions and the engine's, both ways, and pure.
 *
 * What was asked for is kept in `labels.sqs`, and what the engine has to do follows from it:
 *
 *     VisibilityTimeout       leaseMs
 *     MessageRetentionPeriod  ttlMs
 *     RedrivePolicy           deadLetter (for attempts only) and attemptsMax
 *     FifoQueue               ordering 'group-prefix', dedupeWindowMs
 *     a standard queue        levels, by which one tenant's backlog stays behind the others
 *
 * A log of another protocol has no such label; its attributes are read off its configuration.
 */

import type { EngineDoor } from '../../engine/engine.ts'
import type { Json, LogConfig, LogInfo } from '../../engine/model.ts'
import {
  type Attributes,
  fallbackOf,
  parseRedrivePolicy,
  type RedrivePolicy,
} from './attributes.ts'
import { limits } from './limits.ts'
import { arnOf, type Place } from './names.ts'

type LogInput = Parameters<EngineDoor['createLog']>[1]

/** What SQS keeps with a log. */
export interface QueueLabel {
  readonly attributes: Attributes
  readonly tags: Attributes
  /** Wall-clock milliseconds. */
  readonly createdAt: number
  readonly modifiedAt: number
  readonly region: string
  /** 32 hexadecimal digits: what message ids and receipt handles are made with. */
  readonly salt: string
  /** Of a FIFO queue: how often it was purged. What was sent before is no duplicate's first. */
  readonly purges?: number
  /** The deduplication scope was changed: until then it is still what it was. */
  readonly scopeBefore?: { readonly byGroup: boolean; readonly until: number }
}

/** A queue as the handlers see it: everything parsed. */
export interface QueueView {
  readonly name: string
  readonly fifo: boolean
  readonly label: QueueLabel
  readonly visibilityMs: number
  readonly delayMs: number
  readonly waitMs: number
  readonly messageBytesMax: number
  readonly contentBased: boolean
  /** True: a deduplication id counts within its group only. `isScopedByGroup` knows since when. */
  readonly scopedByGroup: boolean
  readonly scopeBefore: QueueLabel['scopeBefore']
  readonly levels: number
}

export function labelOf(
  config: LogConfig,
  otherwise: { readonly salt: string; readonly place: Place },
): QueueLabel {
  const label = config.labels['sqs']
  if (isObject(label)) return label as unknown as QueueLabel
  return {
    attributes: attributesFrom(config, otherwise.place),
    tags: {},
    createdAt: 0,
    modifiedAt: 0,
    region: otherwise.place.region,
    salt: otherwise.salt,
  }
}

function attributesFrom({ queue }: LogConfig, place: Place): Attributes {
  const attributes: { [name: string]: string } = {}
  if (queue === undefined) return attributes
  const { leaseMs, ttlMs, deadLetter, attemptsMax } = queue
  if (leaseMs !== undefined) attributes['VisibilityTimeout'] = String(Math.round(leaseMs / 1000))
  if (ttlMs !== undefined) attributes['MessageRetentionPeriod'] = String(Math.ceil(ttlMs / 1000))
  if (deadLetter?.route === '' && deadLetter.key !== undefined && attemptsMax !== undefined) {
    const deadLetterTargetArn = arnOf(place, deadLetter.key)
    attributes['RedrivePolicy'] = JSON.stringify({
      deadLetterTargetArn,
      maxReceiveCount: attemptsMax,
    })
  }
  return attributes
}

export function viewOf(info: Pick<LogInfo, 'name' | 'config'>, label: QueueLabel): QueueView {
  const { queue } = info.config
  const fifo = queue?.ordering === 'group-prefix'
  const number = (name: string) => Number(label.attributes[name] ?? fallbackOf(name, fifo) ?? 0)
  return {
    name: info.name,
    fifo,
    label,
    visibilityMs: number('VisibilityTimeout') * 1000,
    delayMs: number('DelaySeconds') * 1000,
    waitMs: number('ReceiveMessageWaitTimeSeconds') * 1000,
    messageBytesMax: number('MaximumMessageSize'),
    contentBased: label.attributes['ContentBasedDeduplication'] === 'true',
    scopedByGroup: label.attributes['DeduplicationScope'] === 'messageGroup',
    scopeBefore: label.scopeBefore,
    levels: queue?.levels ?? 1,
  }
}

/** Whether a deduplication id counts within its group only. */
export function isScopedByGroup(
  { scopedByGroup, scopeBefore }: Pick<QueueView, 'scopedByGroup' | 'scopeBefore'>,
  now: number,
): boolean {
  return scopeBefore !== undefined && now < scopeBefore.until ? scopeBefore.byGroup : scopedByGroup
}

/** The engine's configuration of a new queue. */
export function logInputOf(label: QueueLabel, fifo: boolean, hasTarget: boolean): LogInput {
  return {
    dedupeWindowMs: fifo ? limits.dedupeMs : undefined,
    queue: {
      ...settingsOf(label.attributes, fifo, hasTarget),
      ordering: fifo ? 'group-prefix' : 'none',
      levels: fifo ? 1 : limits.fairLevels,
    },
    labels: { sqs: label as unknown as Json },
  }
}

/** What may change in the configuration of a queue that is there. */
export function alteredInput(config: LogConfig, label: QueueLabel, hasTarget: boolean): LogInput {
  const fifo = config.queue?.ordering === 'group-prefix'
  return {
    labels: { ...config.labels, sqs: label as unknown as Json },
    queue: settingsOf(label.attributes, fifo, hasTarget),
  }
}

/** Without its target a queue keeps its messages, as AWS' does: a dead letter is never lost. */
function settingsOf(attributes: Attributes, fifo: boolean, hasTarget: boolean) {
  const number = (name: string) => Number(attributes[name] ?? fallbackOf(name, fifo))
  const policy = redrivePolicyOf(attributes)
  const active = policy !== undefined && hasTarget
  const keeps = fifo ? (['attempts'] as const) : (['time', 'attempts'] as const)
  return {
    leaseMs: number('VisibilityTimeout') * 1000,
    ttlMs: number('MessageRetentionPeriod') * 1000,
    attemptsMax: active ? policy.maxReceiveCount : undefined,
    deadLetter: active
      ? { route: '', key: policy.target, reasons: ['attempts'] as const, keeps }
      : undefined,
  }
}

export function redrivePolicyOf(attributes: Attributes): RedrivePolicy | undefined {
  const text = attributes['RedrivePolicy']
  return text === undefined ? undefined : parseRedrivePolicy(text)
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
