/** The offsets that groups have committed. */

import type { EngineDoor } from '../../engine/engine.ts'
import { Memory } from './memory.ts'

export interface Committed {
  readonly offset: number
  readonly epoch: number
  readonly metadata: string | null
  readonly time: number
}

export interface OffsetChange extends Committed {
  readonly topic: string
  readonly partition: number
}

export class Offsets {
  readonly #memory: Memory<Committed>
  /** Group → `topic NUL partition` → place. */
  readonly #groups = new Map<string, Map<string, Committed>>()

  constructor(engine: EngineDoor) {
    this.#memory = new Memory(engine, 'offsets')
    for (const [field, committed] of this.#memory.entries()) {
      const [group = '', topic = '', partition = ''] = field.split('\0')
      this.#of(group).set(`${topic}\0${partition}`, committed)
    }
  }

  get groups(): string[] {
    return [...this.#groups.keys()]
  }

  has(group: string): boolean {
    return this.#groups.has(group)
  }

  find(group: string, topic: string, partition: number): Committed | undefined {
    return this.#groups.get(group)?.get(`${topic}\0${partition}`)
  }

  /** All that a group has committed, by topic. */
  all(group: string): Map<string, number[]> {
    const topics = new Map<string, number[]>()
    for (const key of this.#groups.get(group)?.keys() ?? []) {
      const [topic = '', partition = ''] = key.split('\0')
      topics.set(topic, [...(topics.get(topic) ?? []), Number(partition)])
    }
    return topics
  }

  commit(group: string, changes: readonly OffsetChange[]): void {
    const places = this.#of(group)
    const fields = changes.map(({ topic, partition, ...committed }) => {
      places.set(`${topic}\0${partition}`, committed)
      return [`${group}\0${topic}\0${partition}`, committed] as const
    })
    this.#memory.put(...fields)
  }

  remove(group: string, topic: string, partition: number): void {
    if (this.#groups.get(group)?.delete(`${topic}\0${partition}`) !== true) return
    this.#memory.put([`${group}\0${topic}\0${partition}`, undefined])
    if (this.#groups.get(group)?.size === 0) this.#groups.delete(group)
  }

  removeGroup(group: string): void {
    const keys = [...(this.#groups.get(group)?.keys() ?? [])]
    this.#groups.delete(group)
    this.#memory.put(...keys.map(key => [`${group}\0${key}`, undefined] as const))
  }

  /** A topic is gone, and every place in it. */
  removeTopic(topic: string): void {
    for (const [group, places] of this.#groups) {
      for (const key of [...places.keys()]) {
        const [name, partition] = key.split('\0')
        if (name === topic) this.remove(group, topic, Number(partition))
      }
    }
  }

  #of(group: string): Map<string, Committed> {
    const places = this.#groups.get(group) ?? new Map<string, Committed>()
    this.#groups.set(group, places)
    return places
  }
}
