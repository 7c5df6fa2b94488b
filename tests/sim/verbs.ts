/** One verb, done to the engine and done to the model; both answer in the same words. */

import { encodeUtf8 } from '../../src/base/bytes.ts'
import type { EngineDoor } from '../../src/engine/engine.ts'
import { done, refused } from '../../src/engine/errors.ts'
import {
  type AttributeValue,
  type Delivery,
  formats,
  type RecordInput,
} from '../../src/engine/model.ts'
import type { Moment } from './follow.ts'
import { type Answer, type Model, no, yes } from './model.ts'
import * as defining from './model-defining.ts'
import * as leasing from './model-leasing.ts'
import * as reading from './model-reading.ts'
import * as storing from './model-storing.ts'
import { bodyOf, envelopeOf, idOf } from './observe.ts'
import type { Draft, Verb } from './operations.ts'

/**
 * What a verb said, as text; `error` when it was refused, `changes` when a reply must wait for it.
 */
export interface Said {
  readonly text: string
  readonly error: string | undefined
  /** What was handed out with it. */
  readonly deliveries?: readonly Delivery[]
}

export function doToEngine(engine: EngineDoor, verb: Verb, now: number): Said {
  switch (verb.do) {
    case 'create-log':
      return nothing(engine.createLog(verb.name, verb.config))
    case 'create-route':
      return nothing(engine.createRoute(verb.name, verb.config))
    case 'create-group':
      return nothing(engine.createGroup(verb.log, verb.group, verb.from))
    case 'alter':
      return nothing(engine.alter(verb.name, verb.config))
    case 'drop-log':
      return said(engine.dropLog(verb.name, verb.unless))
    case 'drop-route':
      return said(engine.dropRoute(verb.name, verb.unless))
    case 'drop-group':
      return said(engine.dropGroup(verb.log, verb.group))
    case 'bind':
      return said(engine.bind(verb.binding))
    case 'unbind':
      return said(engine.unbind(verb.binding))
    case 'publish': {
      const record = inputOf(verb.record, verb.keys[0], now)
      const keys = verb.keys.length === 1 ? verb.keys[0]! : verb.keys
      const outcome = engine.publish(verb.route, keys, record, attributesOf(verb.record))
      return { text: JSON.stringify(outcome), error: outcome.error }
    }
    case 'append': {
      const records = verb.records.map(draft => inputOf(draft, draft.key, now))
      return said(appendTo(engine, verb.log, records))
    }
    case 'lease': {
      const { holder, countMax, leaseMs, settled } = verb
      const options = { holder, countMax, settled, ...(leaseMs === undefined ? {} : { leaseMs }) }
      return handed(engine.lease(verb.target, options))
    }
    case 'settle':
      return said(engine.settle(verb.target, verb.holder, verb.positions, verb.settlement))
    case 'extend':
      return handed(engine.extend(verb.target, verb.positions, verb.change))
    case 'commit': {
      const metadata = verb.metadata === undefined ? undefined : encodeUtf8(verb.metadata)
      return said(engine.commit(verb.log, verb.group, verb.cursor, metadata))
    }
    case 'pause-queue':
      return nothing(engine.pause(verb.log, verb.paused))
    case 'trim':
      return said(engine.trim(verb.log, verb.what))
    case 'read':
      return positionsRead(engine, verb)
    case 'standings':
      return { text: JSON.stringify(engine.standings(verb.log, verb.positions)), error: undefined }
    case 'create-table':
      return said(engine.createTable(verb.name, { durable: verb.durable }))
    case 'drop-table':
      return said(engine.dropTable(verb.name))
    case 'put':
      return said(
        engine.put(
          verb.table,
          verb.changes.map(([field, value]) => [
            field,
            value === undefined ? undefined : encodeUtf8(value),
          ]),
          { lazy: verb.lazy },
        ),
      )
  }
}

/** The last: what the engine said, for where the order is its own choice. */
export function doToModel(
  model: Model,
  verb: Verb,
  { now, monotonic }: Moment,
  { text, error }: Said,
): Said {
  switch (verb.do) {
    case 'create-log':
      return said(defining.createLog(model, verb.name, verb.config, monotonic))
    case 'create-route':
      return said(defining.createRoute(model, verb.name, verb.config))
    case 'create-group':
      return said(defining.createGroup(model, verb.log, verb.group, verb.from))
    case 'alter':
      return said(defining.alter(model, verb.name, verb.config))
    case 'drop-log':
      return said(defining.dropLog(model, verb.name, verb.unless))
    case 'drop-route':
      return said(defining.dropRoute(model, verb.name, verb.unless))
    case 'drop-group':
      return said(defining.dropGroup(model, verb.log, verb.group))
    case 'bind':
      return said(defining.bind(model, verb.binding))
    case 'unbind':
      return said(defining.unbind(model, verb.binding))
    case 'publish': {
      const outcome = storing.publish(model, verb.route, verb.keys, verb.record, now)
      return { text: JSON.stringify(outcome), error: outcome.error }
    }
    case 'append':
      return said(storing.append(model, verb.log, verb.records, now))
    case 'lease': {
      const log = model.logs.get(verb.target.log)
      const handed = error === undefined ? (JSON.parse(text) as leasing.Handed[]) : []
      const positions = handed.map(({ position }) => position)
      const answer = leasing.lease(model, verb.target, verb, now, positions)
      if (answer.ok && log !== undefined) log.usedAt = monotonic
      return said(answer)
    }
    case 'settle':
      return said(
        leasing.settle(model, verb.target, verb.holder, verb.positions, verb.settlement, now),
      )
    case 'extend':
      return said(leasing.extend(model, verb.target, verb.positions, verb.change, now))
    case 'commit':
      return said(defining.commit(model, verb.log, verb.group, verb.cursor, verb.metadata))
    case 'pause-queue':
      return said(leasing.pause(model, verb.log, verb.paused))
    case 'trim':
      return said(defining.trim(model, verb.log, verb.what))
    case 'read':
      return said(reading.read(model, verb.log, verb.from, verb))
    case 'standings':
      return {
        text: JSON.stringify(reading.standings(model, verb.log, verb.positions)),
        error: undefined,
      }
    case 'create-table':
      return said(defining.createTable(model, verb.name, verb.durable))
    case 'drop-table':
      return said(model.tables.delete(verb.name) ? yes(undefined) : no('not-found'))
    case 'put':
      return said(defining.put(model, verb.table, verb.changes))
  }
}

type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: string }

function said(outcome: Outcome<unknown> | Answer<unknown>): Said {
  if (!outcome.ok) return { text: outcome.error, error: outcome.error }
  return { text: JSON.stringify(outcome.value) ?? 'done', error: undefined }
}

/** For answers that describe what the next look will show anyway. */
function nothing(outcome: Outcome<unknown>): Said {
  return outcome.ok ? { text: 'done', error: undefined } : said(outcome)
}

function handed(outcome: Outcome<readonly Delivery[]>): Said {
  if (!outcome.ok) return said(outcome)
  const value = outcome.value.map(({ record, attempts }) => ({
    position: record.position,
    id: idOf(record),
    attempts,
  }))
  return { ...said({ ok: true, value }), deliveries: outcome.value }
}

function positionsRead(engine: EngineDoor, verb: Extract<Verb, { do: 'read' }>): Said {
  const from = 'key' in verb.from ? { key: encodeUtf8(verb.from.key) } : verb.from
  const outcome = engine.read(verb.log, from, verb)
  if (!outcome.ok) return said(outcome)
  return said(done(outcome.value.map(record => record.position)))
}

function inputOf(draft: Draft, key: string | undefined, now: number): RecordInput {
  return {
    format: formats.amqpProperties,
    envelope: envelopeOf(draft.id),
    body: bodyOf(draft.id, draft.bodyBytes),
    key: key === undefined ? undefined : encodeUtf8(key),
    group: draft.group,
    dedupeId: draft.dedupeId,
    priority: draft.priority,
    ttlMs: draft.ttlMs,
    dueAt: draft.dueInMs === undefined ? undefined : now + draft.dueInMs,
    span: draft.span,
    transient: draft.transient,
  }
}

function attributesOf(draft: Draft): (() => ReadonlyMap<string, AttributeValue>) | undefined {
  const { attributes } = draft
  return attributes === undefined ? undefined : () => new Map(Object.entries(attributes))
}

/** One record alone goes the short way, which does not say whether it is a duplicate. */
function appendTo(engine: EngineDoor, log: string, records: readonly RecordInput[]) {
  const [first] = records
  const isShort = records.length === 1 && engine.log(log)?.config.dedupeWindowMs === undefined
  if (first === undefined || !isShort) return engine.append(log, records)
  const position = engine.appendOne(log, first)
  if (typeof position === 'string') return refused(position)
  return done([{ position, duplicate: false }])
}
