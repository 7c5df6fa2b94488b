/**
 * Move tasks at work: a step every 100 ms, at most so many messages a second, each message moved by
 * one effect. A task is kept in the table, and one that was running goes on after a restart.
 */

import type { Delivery } from '../../engine/model.ts'
import { formats } from '../../engine/model.ts'
import type { Timer } from '../../engine/ports.ts'
import { decodeEnvelope, encodeEnvelope } from '../../wire/sqs/envelope.ts'
import type { SqsBroker } from './broker.ts'
import { limits } from './limits.ts'
import type { QueueView } from './mapping.ts'
import { messageIdAt } from './receipt.ts'

export interface MoveTask {
  readonly id: string
  readonly source: string
  readonly sourceArn: string
  /** Undefined: each message goes back to where it died. */
  readonly destination?: string | undefined
  readonly destinationArn?: string | undefined
  /** Messages a second. */
  readonly rate?: number | undefined
  readonly toMove: number
  readonly startedAt: number
  moved: number
  status: 'RUNNING' | 'COMPLETED' | 'CANCELLING' | 'CANCELLED' | 'FAILED'
  failure?: string | undefined
}

export class MoveTasks {
  readonly #broker: SqsBroker
  readonly #tasks = new Map<string, MoveTask>()
  readonly #timers = new Map<string, Timer>()

  constructor(broker: SqsBroker) {
    this.#broker = broker
    for (const [, task] of broker.recallAll<MoveTask>('task/')) {
      this.#tasks.set(task.id, task)
      if (task.status === 'RUNNING' || task.status === 'CANCELLING') this.#next(task)
    }
  }

  /** Newest first. */
  of(source: string): MoveTask[] {
    const tasks = [...this.#tasks.values()].filter(task => task.source === source)
    return tasks.sort(
      (left, right) => right.startedAt - left.startedAt || (left.id < right.id ? 1 : -1),
    )
  }

  start(
    order: Pick<MoveTask, 'source' | 'sourceArn' | 'destination' | 'destinationArn' | 'rate'>,
  ): MoveTask {
    const broker = this.#broker
    const task: MoveTask = {
      ...order,
      id: broker.newSalt(),
      toMove: broker.engine.log(order.source)?.ready ?? 0,
      startedAt: broker.now,
      moved: 0,
      status: 'RUNNING',
    }
    for (const old of this.of(order.source).slice(limits.moveTasksKept - 1)) {
      this.#tasks.delete(old.id)
      broker.remember(`task/${old.id}`, undefined)
    }
    this.#tasks.set(task.id, task)
    this.#keep(task)
    this.#next(task)
    return task
  }

  cancel(task: MoveTask): void {
    task.status = 'CANCELLING'
    this.#keep(task)
  }

  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }

  #keep(task: MoveTask): void {
    this.#broker.remember(`task/${task.id}`, task)
  }

  /** A slow task has longer steps of one message. */
  #next(task: MoveTask): void {
    const { rate = limits.moveRateMax } = task
    const delayMs = Math.max(limits.moveStepMs, 1000 / rate)
    const timer = this.#broker.options.clock.schedule(delayMs, () => {
      this.#timers.delete(task.id)
      this.#step(task)
    })
    this.#timers.set(task.id, timer)
  }

  #step(task: MoveTask): void {
    const { engine } = this.#broker
    if (task.status === 'CANCELLING') return this.#end(task, 'CANCELLED')
    const { rate = limits.moveRateMax } = task
    const countMax = Math.max(1, Math.floor((rate * limits.moveStepMs) / 1000))
    const holder = this.#broker.nextHolder()
    const target = { log: task.source }
    engine.batch(() => {
      const leased = engine.lease(target, { holder, countMax, leaseMs: 60_000 })
      if (!leased.ok) return this.#end(task, 'FAILED', 'AWS.SimpleQueueService.NonExistentQueue')
      for (const delivery of leased.value) {
        const failure = this.#move(task, delivery)
        const { position } = delivery.record
        if (failure === undefined) {
          engine.settle(target, holder, [position], { kind: 'done' })
          task.moved++
          continue
        }
        for (const { record } of leased.value) {
          const back = { kind: 'return', counted: false } as const
          engine.settle(target, holder, [record.position], back)
        }
        return this.#end(task, 'FAILED', failure)
      }
      if (leased.value.length < countMax) return this.#end(task, 'COMPLETED')
      this.#keep(task)
      this.#next(task)
    })
  }

  #end(task: MoveTask, status: MoveTask['status'], failure?: string): void {
    task.status = status
    task.failure = failure
    this.#keep(task)
  }

  /** A moved message is a new one: a new id, a new age, no attempts. Returns why it failed. */
  #move(task: MoveTask, { record }: Delivery): string | undefined {
    const { engine } = this.#broker
    const name = task.destination ?? record.deaths[0]?.queue ?? ''
    const view: QueueView | undefined = this.#broker.find(name)
    const info = engine.log(name)
    if (view === undefined || info === undefined) return 'AWS.SimpleQueueService.NonExistentQueue'
    const ours = record.format === formats.sqsAttributes
    const id = messageIdAt(view.label.salt, info.next)
    const outcome = engine.append(name, [
      {
        format: record.format,
        envelope: ours
          ? encodeEnvelope({ ...decodeEnvelope(record.envelope), id })
          : record.envelope,
        body: record.body,
        group: record.group,
        priority: view.levels - 1,
      },
    ])
    return outcome.ok ? undefined : outcome.error
  }
}
