/** What is set for single groups: the settings of KIP-848 and KIP-932, and who reads them here. */

import type { EngineDoor } from '../../engine/engine.ts'
import { codes } from '../../wire/kafka/error-codes.ts'
import type { Setting } from './configs.ts'
import { KafkaError } from './errors.ts'
import { limits } from './limits.ts'
import type { Configs } from './mapping.ts'
import { Memory } from './memory.ts'

interface GroupSetting extends Setting {
  /** Bounds of a number: those of Kafka's broker. */
  readonly between?: readonly [least: number, most: number]
}

/** Names, defaults and bounds as in Kafka 4.2.0. */
export const groupSettings: { readonly [name: string]: GroupSetting } = {
  'share.auto.offset.reset': {
    type: 'string',
    fallback: 'latest',
    allowed: /^(earliest|latest|by_duration:P.+)$/,
  },
  'share.heartbeat.interval.ms': {
    type: 'int',
    fallback: String(limits.shareHeartbeatMs),
    between: [5_000, 15_000],
  },
  'share.isolation.level': {
    type: 'string',
    fallback: 'read_uncommitted',
    allowed: /^read_(un)?committed$/,
  },
  'share.record.lock.duration.ms': {
    type: 'int',
    fallback: String(limits.shareLockMs),
    between: [15_000, 60_000],
  },
  'share.session.timeout.ms': {
    type: 'int',
    fallback: String(limits.shareSessionMs),
    between: [45_000, 60_000],
  },
}

export class GroupConfigs {
  readonly #memory: Memory<Configs>
  readonly #own = new Map<string, Configs>()

  constructor(engine: EngineDoor) {
    this.#memory = new Memory(engine, 'group-configs')
    for (const [group, configs] of this.#memory.entries()) this.#own.set(group, configs)
  }

  get groups(): string[] {
    return [...this.#own.keys()]
  }

  /** What is set for this group, and nothing else. */
  of(group: string): Configs {
    return this.#own.get(group) ?? {}
  }

  value(group: string, name: string): string {
    return this.of(group)[name] ?? groupSettings[name]!.fallback
  }

  number(group: string, name: string): number {
    return Number(this.value(group, name))
  }

  set(group: string, configs: Configs): void {
    const isNone = Object.keys(configs).length === 0
    if (isNone) this.#own.delete(group)
    else this.#own.set(group, configs)
    this.#memory.put([group, isNone ? undefined : configs])
  }
}

/** Throws what is wrong with a value. */
export function checkGroupSetting(name: string, value: string | null): void {
  const setting = Object.hasOwn(groupSettings, name) ? groupSettings[name] : undefined
  if (setting === undefined) {
    throw new KafkaError(codes.INVALID_CONFIG, `Unknown group config name: ${name}`)
  }
  if (value === null) return
  const { between, allowed = /^\d{1,9}$/ } = setting
  const isOutside = between !== undefined && !(between[0] <= +value && +value <= between[1])
  const duration = /^by_duration:(.*)$/.exec(value)?.[1]
  const isNoDuration = duration !== undefined && durationMs(duration) === undefined
  if (allowed.test(value) && !isOutside && !isNoDuration) return
  throw new KafkaError(codes.INVALID_CONFIG, `Invalid value ${value} for configuration ${name}`)
}

/** ISO 8601, as far as Java's Duration goes: `P1DT2H3M4.5S`. */
export function durationMs(text: string): number | undefined {
  const pattern = /^P(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/
  const found = pattern.exec(text)
  if (found === null || text === 'P') return undefined
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = found.slice(1).map(each => +(each ?? 0))
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
}
