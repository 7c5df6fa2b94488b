/**
 * Policies: arguments for many queues and exchanges at once, by the pattern of their names. The one
 * with the highest priority applies, and over it an operator's policy, which only tightens limits.
 * A queue's own arguments come on top: of two numbers the smaller one counts, of two other values
 * the argument's.
 *
 * What is in force is merged into the engine's configuration whenever a queue is declared or a
 * policy changes; the declared arguments stay in the label, for comparisons and for display.
 */

import type { EngineDoor } from '../../engine/engine.ts'
import type { LogConfig, LogInfo, RouteConfig } from '../../engine/model.ts'
import {
  type FieldTable,
  type FieldValue,
  fieldOf,
  fromPlain,
} from '../../wire/amqp/field-table.ts'
import { patternOf } from './access.ts'
import {
  type ExchangeDefinition,
  exchangeDefinitionOf,
  isInteger,
  logConfigOf,
  type QueueDefinition,
  queueDefinitionOf,
  queueTypeOf,
  routeConfigOf,
} from './mapping.ts'
import { engineName, nameIn } from './names.ts'
import { limitKeys, type PolicyDefinition, queueKeys } from './policy-keys.ts'
import type { Profile } from './profiles.ts'
import type { ApplyTo, Entry, Registry } from './registry.ts'

type PolicyKind = 'policy' | 'operator-policy'

export class Policies {
  readonly #registry: Registry
  readonly #engine: EngineDoor
  readonly #profile: Profile
  readonly #patterns = new Map<string, RegExp | undefined>()

  constructor(registry: Registry, engine: EngineDoor, profile: Profile) {
    this.#registry = registry
    this.#engine = engine
    this.#profile = profile
  }

  /** The policy that a queue or an exchange has. */
  policyOf(
    kind: PolicyKind,
    vhost: string,
    name: string,
    is: ApplyTo,
  ): Entry<PolicyKind> | undefined {
    let best: Entry<PolicyKind> | undefined
    for (const entry of this.#registry.list(kind)) {
      if (entry.names[0] !== vhost || !applies(entry.value.applyTo, is)) continue
      if (best !== undefined && best.value.priority >= entry.value.priority) continue
      if (this.#pattern(entry.value.pattern)?.test(name) === true) best = entry
    }
    return best
  }

  #pattern(text: string): RegExp | undefined {
    if (!this.#patterns.has(text)) this.#patterns.set(text, patternOf(text))
    return this.#patterns.get(text)
  }

  /** What policy and operator policy say together. */
  effective(vhost: string, name: string, is: ApplyTo): PolicyDefinition {
    const policy = this.policyOf('policy', vhost, name, is)?.value.definition ?? {}
    const operator = this.policyOf('operator-policy', vhost, name, is)?.value.definition
    if (operator === undefined) return policy
    const merged: { [key: string]: unknown } = { ...policy }
    for (const [key, value] of Object.entries(operator)) {
      const given = policy[key]
      const both = limitKeys.has(key) && typeof given === 'number' && typeof value === 'number'
      merged[key] = both ? Math.min(given, value) : value
    }
    return merged
  }

  /** The engine's configuration of a queue, policies included. */
  logConfig(queue: QueueDefinition, vhost: string, name: string): Partial<LogConfig> {
    const own = logConfigOf(queue, vhost, this.#profile)
    const policy = this.effective(vhost, name, kindOf(queue))
    if (Object.keys(policy).length === 0) return own
    const merged = mergeArguments(queue.arguments, policy)
    const config = logConfigOf({ ...queue, arguments: merged }, vhost, this.#profile)
    return { ...config, labels: own.labels ?? {} }
  }

  routeConfig(exchange: ExchangeDefinition, vhost: string, name: string): Partial<RouteConfig> {
    const config = routeConfigOf(exchange, vhost)
    const alternate = this.effective(vhost, name, 'exchanges')['alternate-exchange']
    if (config.alternate !== undefined || typeof alternate !== 'string') return config
    return { ...config, alternate: engineName(vhost, alternate) }
  }

  /** After a change: everything in the virtual host gets what applies to it now. */
  apply(vhost: string): void {
    for (const log of this.#engine.logs()) {
      const name = nameIn(vhost, log)
      const info = name === undefined ? undefined : this.#engine.log(log)
      if (name !== undefined && info !== undefined) this.#applyToQueue(vhost, name, info)
    }
    for (const route of this.#engine.routes()) {
      const name = nameIn(vhost, route)
      if (name !== undefined) this.#applyToExchange(vhost, name, route)
    }
  }

  #applyToQueue(vhost: string, name: string, info: LogInfo): void {
    // What no AMQP client has declared is not ours to change.
    if (info.config.labels.amqp === undefined) return
    const config = this.logConfig(queueDefinitionOf(info.config, vhost), vhost, name)
    const next = { ...info.config, ...config, labels: info.config.labels }
    if (JSON.stringify(next) !== JSON.stringify(info.config)) this.#engine.alter(info.name, config)
  }

  #applyToExchange(vhost: string, name: string, route: string): void {
    const info = this.#engine.route(route)
    if (info?.config.labels.amqp === undefined) return
    const { alternate } = this.routeConfig(exchangeDefinitionOf(info.config, vhost), vhost, name)
    if (alternate !== info.config.alternate) this.#engine.alterRoute(route, { alternate })
  }
}

export function kindOf(queue: { readonly arguments: FieldTable }): ApplyTo {
  const type = queueTypeOf(queue.arguments)
  return type === 'stream' ? 'streams' : type === 'quorum' ? 'quorum_queues' : 'classic_queues'
}

function applies(to: ApplyTo, is: ApplyTo): boolean {
  return to === 'all' || to === is || (to === 'queues' && is !== 'exchanges')
}

/** The arguments that would declare what own arguments and policy make together. */
export function mergeArguments(own: FieldTable, policy: PolicyDefinition): FieldTable {
  const merged: (readonly [string, FieldValue])[] = [...own]
  for (const [key, value] of Object.entries(policy)) {
    const argument = queueKeys.get(key)
    if (argument === undefined || (typeof value !== 'number' && typeof value !== 'string')) continue
    const given = fieldOf(own, argument)
    if (given === undefined) merged.push([argument, fromPlain(value)])
    else if (limitKeys.has(key) && isInteger(given) && Number(value) < Number(given.value)) {
      merged[merged.findIndex(([name]) => name === argument)] = [argument, fromPlain(value)]
    }
  }
  return merged
}
