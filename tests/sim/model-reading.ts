/** The model's answers to those who only look. */

import type { Standing } from '../../src/engine/model.ts'
import { type Answer, type Model, type ModelLog, type ModelRecord, no, yes } from './model.ts'
import type { ReadDraft } from './operations.ts'

/** Positions, in the order in which they are read: at least one record, if there is one. */
export function read(
  model: Model,
  name: string,
  from: ReadDraft,
  bounds: { readonly countMax: number; readonly bytesMax: number },
): Answer<number[]> {
  const log = model.logs.get(name)
  if (log === undefined) return no('not-found')
  const positions: number[] = []
  let bytes = 0
  for (const record of following(log, from)) {
    bytes += record.bodyBytes
    const isFull = positions.length >= bounds.countMax
    if (isFull || (positions.length > 0 && bytes > bounds.bytesMax)) break
    positions.push(record.position)
  }
  return yes(positions)
}

function following(log: ModelLog, from: ReadDraft): ModelRecord[] {
  const all = inOrder(log)
  if ('before' in from) return all.reverse().filter(record => record.position < from.before)
  if ('time' in from) return all.filter(record => record.time >= from.time)
  if ('key' in from) return all.filter(record => keyOf(record) >= from.key)
  return all.filter(record => record.position + record.span > from.position)
}

/** Whether both may be asked for: they are only meant for logs in which they rise. */
export function isSortedBy(log: ModelLog, what: 'time' | 'key'): boolean {
  const values = inOrder(log).map(record => (what === 'time' ? record.time : keyOf(record)))
  return values.every((value, index) => index === 0 || values[index - 1]! <= value)
}

export function standings(model: Model, name: string, positions: readonly number[]): Standing[] {
  const log = model.logs.get(name)
  if (log === undefined) return []
  const found: Standing[] = []
  for (const position of positions) {
    const record = log.records.find(other => other.position === position)
    if (record !== undefined) found.push(standingOf(log, record))
  }
  return found
}

function standingOf(log: ModelLog, record: ModelRecord): Standing {
  const { position, state, attempts, holder, leasedAt, deadline, dueAt } = record
  const none = { holder: undefined, leasedAt: undefined, until: undefined }
  if (log.config.queue === undefined) return { position, state: 'kept', attempts: 0, ...none }
  if (state === 'leased') {
    const until = deadline === Infinity ? undefined : deadline
    return { position, state, attempts, holder, leasedAt, until }
  }
  return { position, state, attempts, ...none, until: state === 'delayed' ? dueAt : undefined }
}

function inOrder(log: ModelLog): ModelRecord[] {
  return [...log.records].sort((left, right) => left.position - right.position)
}

function keyOf(record: ModelRecord): string {
  return record.keys[0] ?? ''
}
