/** What should have happened by now, when the engine is at rest and time has not been stepped. */

import type { Moment } from './follow.ts'
import { isExpired, levelOf, type Model, type ModelLog, queueOf } from './model.ts'
import { handOut } from './model-leasing.ts'
import { violated } from './violation.ts'

export function checkProgress(model: Model, { now, monotonic, latest }: Moment): void {
  // Timers count from a fraction of a millisecond, the wall clock shows whole ones.
  const moment = { now: now - 1, monotonic: monotonic - 1, latest }
  for (const log of model.logs.values()) {
    if (log.config.queue === undefined) checkRetention(log, moment)
    else checkQueue(log, moment)
    const { idleMs } = log.config
    if (idleMs === undefined || log.subscribers.length > 0) continue
    if (moment.monotonic - log.usedAt > idleMs) violated('progress', `${log.name} is idle`)
  }
  const log = [...model.clone().logs.values()].find(one => handOut(one, 1, now).length > 0)
  if (log !== undefined) violated('progress', `${log.name} keeps a record from its subscribers`)
}

function checkQueue(log: ModelLog, { now }: Moment): void {
  for (const record of log.records) {
    const where = `${record.id} at ${record.position} of ${log.name}`
    if (record.state === 'leased' && record.deadline <= now) {
      violated('progress', `the lease of ${where} has run out`)
    }
    if (record.state === 'delayed' && record.dueAt <= now) violated('progress', `${where} is due`)
  }
  if (queueOf(log).ordering !== 'none') return
  const { levels } = queueOf(log)
  for (let level = 0; level < levels; level++) {
    const head = log.records
      .filter(record => record.state === 'ready' && levelOf(queueOf(log), record) === level)
      .sort((left, right) => left.position - right.position)[0]
    if (head !== undefined && isExpired(head, now)) {
      violated('progress', `${head.id} at the head of ${log.name} has expired`)
    }
  }
}

function checkRetention(log: ModelLog, { now }: Moment): void {
  const { ageMs, bytes, count } = log.config.retention
  const held = log.records.reduce((sum, record) => sum + record.bodyBytes, 0)
  const oldest = [...log.records].sort((left, right) => left.position - right.position)[0]
  if (count !== undefined && log.records.length > count) {
    violated('progress', `${log.name} holds more than ${count} records`)
  }
  if (bytes !== undefined && held > bytes && log.records.length > 1) {
    violated('progress', `${log.name} holds more than ${bytes} bytes`)
  }
  if (ageMs !== undefined && oldest !== undefined && oldest.time + ageMs <= now) {
    violated('progress', `${log.name} holds a record older than ${ageMs} ms`)
  }
}
