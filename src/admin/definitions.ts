/**
 * Everything that is defined, as one document, and back. What is there already stays as it is.
 * Redis' streams are not among it: they are made by their first entry.
 */

import type { EngineDoor } from '../engine/engine.ts'
import type { Binding, LogConfig, RouteConfig } from '../engine/model.ts'
import type { Definitions, ImportResult } from './contract.ts'
import type { AdminPorts } from './ports.ts'
import {
  type Fields,
  fieldsOf,
  optionalNumber,
  readBinding,
  readLogInput,
  readRouteConfig,
  textOf,
  WrongShape,
} from './shapes.ts'
import { protocolOf } from './views.ts'

export function exportDefinitions(ports: AdminPorts): Definitions {
  const { engine } = ports
  const queues: { name: string; config: LogConfig }[] = []
  for (const name of engine.logs()) {
    const info = engine.log(name)
    if (info === undefined || !info.config.durable) continue
    const protocol = protocolOf(ports, info)
    if (protocol !== 'kafka' && protocol !== 'redis') queues.push({ name, config: info.config })
  }
  const known = new Set(queues.map(({ name }) => name))
  const routes: { name: string; config: RouteConfig }[] = []
  const bindings: Binding[] = []
  for (const name of engine.routes()) {
    const route = engine.route(name)
    if (route === undefined || !route.config.durable) continue
    routes.push({ name, config: route.config })
    for (const binding of route.bindings) {
      if (binding.target.kind === 'route' || known.has(binding.target.name)) bindings.push(binding)
    }
  }
  const topics = ports.topics?.()?.list() ?? []
  return { spillway: 1, queues, routes, bindings, topics: [...topics] }
}

export function importDefinitions(ports: AdminPorts, given: Definitions): ImportResult {
  const { engine } = ports
  const result = { made: 0, kept: 0, failed: [] as { name: string; message: string }[] }
  const note = (name: string, outcome: Refusal): void => {
    if (outcome.ok) result.made++
    else if (outcome.error === 'exists') result.kept++
    else result.failed.push({ name, message: outcome.detail || outcome.error })
  }
  engine.batch(() => {
    for (const { name, config } of given.queues) note(name, engine.createLog(name, config))
    for (const { name, config } of given.routes) note(name, engine.createRoute(name, config))
    for (const binding of given.bindings) {
      if (isBound(engine, binding)) result.kept++
      else note(`${binding.route} → ${binding.target.name}`, engine.bind(binding))
    }
  })
  const topics = ports.topics?.()
  for (const { name, partitions, configs } of given.topics) {
    if (engine.log(name) !== undefined) {
      result.kept++
      continue
    }
    const refusal =
      topics === undefined ? 'Kafka is off.' : topics.create(name, partitions, configs)
    if (refusal === undefined) result.made++
    else result.failed.push({ name, message: refusal })
  }
  return result
}

type Refusal =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: string; readonly detail: string }

function isBound(engine: EngineDoor, binding: Binding): boolean {
  const same = JSON.stringify(binding)
  return engine.bindingsOf(binding.target).some(other => JSON.stringify(other) === same)
}

/** Throws what is wrong with a document. */
export function readDefinitions(value: unknown): Definitions {
  const given = fieldsOf(value, 'A document of definitions')
  if (given['spillway'] !== 1) {
    throw new WrongShape('These are no definitions of Spillway: “spillway” is not 1.')
  }
  const listOf = <T>(key: string, read: (item: Fields) => T): readonly T[] => {
    const list = given[key] ?? []
    if (!Array.isArray(list)) throw new WrongShape(`“${key}” is a list.`)
    return list.map(item => read(fieldsOf(item, `Each of “${key}”`)))
  }
  return {
    spillway: 1,
    queues: listOf('queues', item => ({
      name: textOf(item, 'name'),
      config: readLogInput(item['config']) as LogConfig,
    })),
    routes: listOf('routes', item => ({
      name: textOf(item, 'name'),
      config: readRouteConfig(item['config']),
    })),
    bindings: listOf('bindings', readBinding),
    topics: listOf('topics', item => ({
      name: textOf(item, 'name'),
      partitions: optionalNumber(item, 'partitions') ?? 1,
      configs: readConfigs(item['configs'] ?? {}),
    })),
  }
}

function readConfigs(value: unknown): { readonly [name: string]: string } {
  const fields = fieldsOf(value, '“configs”')
  return Object.fromEntries(Object.keys(fields).map(name => [name, textOf(fields, name)]))
}
