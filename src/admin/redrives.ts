/**
 * Dead letters on their way back. A step takes some of the positions that were chosen; each message
 * is appended to the queue where it died and taken out of where it is, in one effect, so a crash
 * finds it in one of the two places and never in both. What is in somebody's hands, or gone, is
 * passed over.
 *
 * An undo brings back those that nobody has taken yet, with the history that they had. Redrives are
 * remembered by the process only: after a restart what was moved is moved, and cannot be undone.
 */

import type { EngineDoor } from '../engine/engine.ts'
import type { Death, RecordInput, StoredRecord } from '../engine/model.ts'
import type { Timer } from '../engine/ports.ts'
import type { Redrive } from './contract.ts'
import { type DeadFilter, deadMatcher, scan } from './dead-letters.ts'
import { adminLimits } from './limits.ts'
import type { AdminPorts } from './ports.ts'

export interface RedriveOrder extends DeadFilter {
  readonly queue: string
  readonly positions: readonly number[] | undefined
  readonly to: string | undefined
  readonly rate: number | undefined
}

interface Moved {
  readonly target: string
  readonly position: number
  readonly deaths: readonly Death[]
  readonly key: Uint8Array
  readonly time: number
}

interface Task {
  readonly id: string
  readonly order: RedriveOrder
  readonly startedAt: number
  readonly positions: readonly number[]
  readonly targets: { [queue: string]: number }
  next: number
  moved: number
  skipped: number
  undone: number
  state: Redrive['state']
  failure: string | null
  timer: Timer | undefined
  readonly done: Moved[]
}

export class Redrives {
  readonly #ports: AdminPorts
  readonly #tasks = new Map<string, Task>()
  #made = 0

  constructor(ports: AdminPorts) {
    this.#ports = ports
  }

  /** Newest first. */
  list(): Redrive[] {
    return [...this.#tasks.values()].reverse().map(view)
  }

  find(id: string): Redrive | undefined {
    const task = this.#tasks.get(id)
    return task === undefined ? undefined : view(task)
  }

  /** What would be done. */
  async plan(order: RedriveOrder): Promise<Redrive> {
    return view(await this.#plan(order))
  }

  async start(order: RedriveOrder): Promise<Redrive> {
    const task = await this.#plan(order)
    task.state = 'running'
    for (const target of Object.keys(task.targets)) task.targets[target] = 0
    this.#tasks.set(task.id, task)
    for (const [id, old] of this.#tasks) {
      if (this.#tasks.size <= adminLimits.redrivesKept) break
      if (old.state !== 'running') this.#tasks.delete(id)
    }
    this.#step(task)
    return view(task)
  }

  cancel(id: string): Redrive | undefined {
    const task = this.#tasks.get(id)
    if (task === undefined) return undefined
    if (task.state === 'running') this.#end(task, 'cancelled')
    return view(task)
  }

  /** Brings back what nobody has taken. Undefined: there is no such redrive, or it is not over. */
  undo(id: string): Redrive | undefined {
    const task = this.#tasks.get(id)
    if (task === undefined || task.state === 'running' || task.state === 'undone') return undefined
    const { engine } = this.#ports
    engine.batch(() => {
      for (const moved of task.done) if (this.#bringBack(task, moved)) task.undone++
    })
    task.done.length = 0
    task.state = 'undone'
    return view(task)
  }

  stop(): void {
    for (const task of this.#tasks.values()) task.timer?.cancel()
  }

  async #plan(order: RedriveOrder): Promise<Task> {
    const { clock } = this.#ports
    const positions: number[] = []
    const targets: { [queue: string]: number } = {}
    const isMeant = deadMatcher(this.#ports, order)
    const chosen = order.positions === undefined ? undefined : new Set(order.positions)
    const choose = (record: StoredRecord): void => {
      const target = order.to ?? record.deaths[0]?.queue
      if (target === undefined || !isMeant(record)) return
      positions.push(record.position)
      targets[target] = (targets[target] ?? 0) + 1
    }
    if (chosen === undefined) {
      await scan(this.#ports, order.queue, record => {
        choose(record)
        return positions.length < adminLimits.undoMax
      })
    } else {
      for (const position of [...chosen].sort((left, right) => left - right)) {
        const record = recordAt(this.#ports.engine, order.queue, position)
        if (record !== undefined) choose(record)
      }
    }
    return {
      id: `r${++this.#made}`,
      order,
      startedAt: clock.now(),
      positions,
      targets,
      next: 0,
      moved: 0,
      skipped: 0,
      undone: 0,
      state: 'planned',
      failure: null,
      timer: undefined,
      done: [],
    }
  }

  #step(task: Task): void {
    if (task.state !== 'running') return
    const { rate } = task.order
    const perStep =
      rate === undefined
        ? adminLimits.redriveStep
        : Math.max(1, Math.floor((rate * adminLimits.redriveStepMs) / 1000))
    const end = Math.min(task.positions.length, task.next + perStep)
    this.#ports.engine.batch(() => {
      while (task.next < end && task.state === 'running') {
        this.#move(task, task.positions[task.next]!)
        task.next++
      }
    })
    if (task.state !== 'running') return
    if (task.next >= task.positions.length) return this.#end(task, 'done')
    const delayMs = rate === undefined ? 1 : Math.max(adminLimits.redriveStepMs, 1000 / rate)
    task.timer = this.#ports.clock.schedule(delayMs, () => this.#step(task))
  }

  #move(task: Task, position: number): void {
    const { engine } = this.#ports
    const { queue, to } = task.order
    const record = recordAt(engine, queue, position)
    const [standing] = engine.standings(queue, [position])
    const target = to ?? record?.deaths[0]?.queue
    const isFree = standing?.state === 'ready' || standing?.state === 'delayed'
    if (record === undefined || target === undefined || !isFree) {
      task.skipped++
      return
    }
    const { deaths, time } = record
    const key = record.key.slice()
    const outcome = engine.append(target, [inputOf(record, record.deaths[0]?.keys[0])])
    if (!outcome.ok) {
      task.failure = outcome.error === 'not-found' ? `There is no “${target}”.` : outcome.detail
      this.#end(task, 'failed')
      return
    }
    engine.trim(queue, { positions: [position] })
    task.moved++
    task.targets[target] = (task.targets[target] ?? 0) + 1
    task.done.push({ target, position: outcome.value[0]!.position, deaths, key, time })
  }

  #bringBack(task: Task, { target, position, deaths, key, time }: Moved): boolean {
    const { engine } = this.#ports
    const record = recordAt(engine, target, position)
    const [standing] = engine.standings(target, [position])
    if (record === undefined || standing === undefined || standing.state === 'leased') return false
    const input = { ...inputOf(record, undefined), key, deaths, time }
    const outcome = engine.append(task.order.queue, [input])
    if (!outcome.ok) {
      task.failure = outcome.detail
      return false
    }
    engine.trim(target, { positions: [position] })
    return true
  }

  #end(task: Task, state: Redrive['state']): void {
    task.state = state
    task.timer?.cancel()
  }
}

function recordAt(engine: EngineDoor, log: string, position: number): StoredRecord | undefined {
  const found = engine.read(log, { position }, { countMax: 1, bytesMax: 1 })
  const record = found.ok ? found.value[0] : undefined
  return record?.position === position ? record : undefined
}

/**
 * The message as a new one: no attempts, no history, the key that it had where it died. It has no
 * deduplication id, since it was sent on purpose.
 */
function inputOf(record: StoredRecord, key: string | undefined): RecordInput {
  return {
    format: record.format,
    envelope: record.envelope,
    body: record.body,
    key: key === undefined ? record.key : Buffer.from(key, 'utf8'),
    group: record.group,
    priority: record.priority,
    transient: record.transient,
  }
}

function view(task: Task): Redrive {
  const { id, order, startedAt, state, positions, moved, skipped, undone, targets, failure } = task
  return {
    id,
    queue: order.queue,
    startedAt,
    state,
    planned: positions.length,
    moved,
    skipped,
    undone,
    targets: { ...targets },
    failure,
  }
}
