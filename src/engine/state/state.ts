/**
 * The whole state, and `apply`: how each effect changes it. Verbs call these functions with what
 * they have just decided and journaled; recovery calls them with what it reads. So the state is the
 * fold of `apply` over the journal (I2), without a clock, without randomness, without waiting (I3).
 */

import { assert } from '../../base/assert.ts'
import type { Definition, PositionsEffect } from '../journal/effects.ts'
import { EntryRecord, kinds, targetIndexOf } from '../journal/format.ts'
import type { Location } from '../journal/journal.ts'
import type { Binding } from '../model.ts'
import { FileUse } from './file-use.ts'
import { Group } from './group.ts'
import { Log } from './log.ts'
import type { Entry } from './record-index.ts'
import { Route } from './route.ts'
import { Table, type TableChange } from './table.ts'

/** Reads an entry's bytes. The journal's, or recovery's. */
export type ReadEntry = (file: number, offset: number, length: number) => Uint8Array

/** A record's fields that decide its place in a queue. */
export interface Placing {
  readonly priority: number
  readonly dueAt: number | undefined
  readonly group: string | undefined
  readonly attempts: number
  readonly expires: boolean
  readonly dedupeId: string | undefined
  readonly time: number
  readonly span: number
}

export class State {
  readonly logs = new Map<string, Log>()
  readonly logsById = new Map<number, Log>()
  readonly routes = new Map<string, Route>()
  readonly use = new FileUse()
  /** Copies of older records in each file; hints list them besides the new ones. */
  readonly relocated = new Map<number, { readonly log: Log; readonly position: number }[]>()
  /** Bindings by what they lead to: `log name` or `route name`. */
  readonly boundTo = new Map<string, Set<Binding>>()
  readonly tables = new Map<string, Table>()
  nextLogId = 1
  /** Rises with every change of routes, bindings or logs: remembered routings are void. */
  routing = 0
  read: ReadEntry
  readonly #entry: Entry = { file: 0, offset: 0, length: 0, body: 0 }

  constructor(read: ReadEntry) {
    this.read = read
  }

  // Records

  append(log: Log, position: number, at: Location, body: number, placing: Placing): void {
    log.index.add(position, at.file, at.offset, at.length, body)
    this.use.add(at.file, at.length)
    log.next = position + placing.span
    if (log.tailFile !== at.file) {
      log.tailFile = at.file
      log.tailFileFirst = position
    }
    const queue = log.queue
    if (queue !== undefined) {
      if (placing.expires) queue.mayExpire = true
      if (placing.dueAt === undefined && placing.group === undefined && placing.attempts === 0) {
        if (queue.config.ordering === 'none') queue.addReady(position, placing.priority, body)
        else queue.add(position, placing)
      } else {
        queue.add(position, placing)
      }
    }
    if (placing.dedupeId !== undefined) log.dedupe?.add(placing.dedupeId, position, placing.time)
  }

  relocate(log: Log, position: number, at: Location): void {
    if (!log.index.find(position, this.#entry)) return
    this.use.remove(this.#entry.file, this.#entry.length)
    log.index.move(position, at.file, at.offset, at.length)
    this.use.add(at.file, at.length)
    const list = this.relocated.get(at.file)
    if (list === undefined) this.relocated.set(at.file, [{ log, position }])
    else list.push({ log, position })
  }

  /** A queue's record is done with (I7: its position cannot be found any more). */
  settle(log: Log, position: number): void {
    log.queue!.settle(position)
    this.#forget(log, position)
  }

  /** A log's record is cut off, from the front or out of the middle. */
  cut(log: Log, position: number): void {
    if (log.queue !== undefined) log.queue.settle(position)
    for (const group of log.groups.values()) group.trim(position)
    this.#forget(log, position)
  }

  #forget(log: Log, position: number): void {
    const removed = log.index.remove(position, this.#entry)
    assert(removed, 'I7: a record is taken out once')
    this.use.remove(this.#entry.file, this.#entry.length)
  }

  /** The record at `position`, which must be there. */
  record(log: Log, position: number): EntryRecord {
    const found = log.index.find(position, this.#entry)
    assert(found, 'I5: a record that is asked for is there')
    const { file, offset, length } = this.#entry
    return this.recordAt(log, position, this.read(file, offset, length))
  }

  recordAt(log: Log, position: number, bytes: Uint8Array): EntryRecord {
    const target = targetIndexOf(bytes, log.id, position)
    assert(
      target >= 0,
      `the entry of ${log.name} at ${position} is another one: the journal is damaged`,
    )
    return new EntryRecord(bytes, target)
  }

  // Definitions

  define(definition: Definition): void {
    this.routing++
    switch (definition.do) {
      case 'create-log': {
        const log = new Log(definition.id, definition.name, definition.config)
        this.logs.set(log.name, log)
        this.logsById.set(log.id, log)
        this.nextLogId = Math.max(this.nextLogId, log.id + 1)
        return
      }
      case 'alter-log': {
        const log = this.logs.get(definition.name)!
        log.alter(definition.config, position => this.record(log, position).priority)
        return
      }
      case 'drop-log':
        this.#dropLog(this.logs.get(definition.name)!)
        return
      case 'create-route':
        this.routes.set(definition.name, new Route(definition.name, definition.config))
        return
      case 'alter-route':
        this.routes.get(definition.name)!.config = definition.config
        return
      case 'drop-route':
        for (const binding of this.routes.get(definition.name)!.bindings.values()) {
          this.boundTo.get(targetKey(binding.target))?.delete(binding)
        }
        this.routes.delete(definition.name)
        this.#dropTarget({ kind: 'route', name: definition.name })
        return
      case 'bind':
        this.#bind(definition.binding)
        return
      case 'unbind':
        this.#unbind(definition.binding)
        return
      case 'create-group': {
        const group = new Group(definition.name, definition.cursor)
        this.logs.get(definition.log)!.groups.set(group.name, group)
        return
      }
      case 'create-table':
        this.tables.set(definition.name, new Table(definition.name, definition.durable))
        return
      case 'drop-table':
        this.tables.delete(definition.name)
        return
      case 'drop-group':
        this.logs.get(definition.log)!.groups.delete(definition.name)
        return
    }
  }

  #dropLog(log: Log): void {
    log.index.forEachRun(0, (first, count) => {
      for (let position = first; position < first + count; position++) {
        log.index.find(position, this.#entry)
        this.use.remove(this.#entry.file, this.#entry.length)
      }
    })
    this.logs.delete(log.name)
    this.logsById.delete(log.id)
    this.#dropTarget({ kind: 'log', name: log.name })
  }

  #bind(binding: Binding): void {
    if (!this.routes.get(binding.route)!.add(binding)) return
    const key = targetKey(binding.target)
    const set = this.boundTo.get(key)
    if (set === undefined) this.boundTo.set(key, new Set([binding]))
    else set.add(binding)
  }

  #unbind(binding: Binding): void {
    const removed = this.routes.get(binding.route)!.remove(binding)
    if (removed === undefined) return
    const key = targetKey(binding.target)
    const set = this.boundTo.get(key)!
    set.delete(removed)
    if (set.size === 0) this.boundTo.delete(key)
  }

  #dropTarget(target: Binding['target']): void {
    const key = targetKey(target)
    for (const binding of this.boundTo.get(key) ?? [])
      this.routes.get(binding.route)?.remove(binding)
    this.boundTo.delete(key)
  }

  put(name: string, changes: readonly TableChange[]): void {
    const table = this.tables.get(name)
    assert(table !== undefined, 'an effect names a table that is there')
    for (const [field, value] of changes) table.put(field, value)
  }

  // Recovery

  /** Applies a record entry that was read from a file. */
  replayRecord(bytes: Uint8Array, relocated: boolean, at: Location): void {
    const record = new EntryRecord(bytes, 0)
    const body = record.body.length
    for (let index = 0; index < record.targets; index++) {
      const target = record.targetAt(index)
      const log = this.logsById.get(target.log)
      if (log === undefined) continue
      if (relocated) {
        this.relocate(log, target.position, at)
      } else {
        this.append(log, target.position, at, body, {
          priority: record.priority,
          dueAt: record.dueAt,
          group: record.group,
          attempts: record.attempts,
          expires: target.expiresAt !== Infinity,
          dedupeId: record.dedupeId,
          time: record.time,
          span: record.span,
        })
      }
    }
  }

  replayPositions(effect: PositionsEffect): void {
    const log = this.logsById.get(effect.log)
    assert(log !== undefined, 'an effect names a log that is there')
    const group = effect.group === '' ? undefined : log.groups.get(effect.group)
    if (effect.kind === kinds.cursor) {
      assert(group !== undefined, 'an effect names a group that is there')
      group.cursor = effect.a
      if (effect.flag) group.metadata = effect.metadata
      return
    }
    if (effect.kind === kinds.trim) log.first = Math.max(log.first, effect.a)
    const { ranges } = effect
    for (let index = 0; index < ranges.length; index += 2) {
      const end = ranges[index]! + ranges[index + 1]!
      for (let position = ranges[index]!; position < end; position++) {
        this.#replayPosition(effect, log, group, position)
      }
    }
  }

  #replayPosition(
    effect: PositionsEffect,
    log: Log,
    group: Group | undefined,
    position: number,
  ): void {
    const holder = effect.holder === '' ? {} : { holder: effect.holder }
    switch (effect.kind) {
      case kinds.lease:
        if (group !== undefined) group.lease(position, effect.holder, effect.a, effect.b)
        else log.queue!.lease(position, effect.holder, effect.a, effect.b)
        return
      case kinds.settle:
        if (group !== undefined) group.settle(position)
        else this.settle(log, position)
        return
      case kinds.return:
        if (group !== undefined) group.giveBack(position, !effect.flag)
        else log.queue!.giveBack(position, effect.a, !effect.flag)
        return
      case kinds.due:
        log.queue!.becomeDue(position)
        return
      case kinds.trim:
        this.cut(log, position)
        return
      case kinds.extend: {
        const holding = group === undefined ? log.queue!.leases : group.pending
        const attempts = holding.get(position)!.attempts + (effect.flag ? 1 : 0)
        const change = { ...holder, deadline: effect.b, now: effect.a, attempts }
        if (group !== undefined) group.extend(position, change)
        else log.queue!.extend(position, change)
        return
      }
      default:
        assert(false, `an effect of kind ${effect.kind} has positions`)
    }
  }
}

export function targetKey(target: Binding['target']): string {
  return `${target.kind} ${target.name}`
}
