/** Virtual hosts, made and taken away with all that is in them. */

import type { Broker } from './broker.ts'
import { traceExchange } from './firehose.ts'
import { declaredExchanges, routeConfigOf } from './mapping.ts'
import { nameIn, prefixOf } from './names.ts'
import type { Vhost } from './registry.ts'

/** Makes it, or changes its description; its exchanges are there afterwards. True: it is new. */
export function putVhost(broker: Broker, name: string, vhost: Vhost): boolean {
  const isNew = broker.registry.get('vhost', name) === undefined
  broker.registry.put('vhost', [name], vhost)
  declareExchanges(broker, name)
  return isNew
}

/** The exchanges that every virtual host has from the beginning. */
export function declareExchanges(broker: Broker, vhost: string): void {
  for (const [name, type] of declaredExchanges) {
    const route = prefixOf(vhost) + name
    const internal = name === traceExchange
    if (internal) broker.internals.add(route)
    if (broker.engine.route(route) !== undefined) continue
    const definition = { type, durable: true, autoDelete: false, internal, arguments: [] }
    broker.engine.createRoute(route, routeConfigOf(definition, vhost))
  }
}

/** Says goodbye to everybody in it, and drops what is there. False: there is none. */
export function removeVhost(broker: Broker, vhost: string): boolean {
  const { engine, registry } = broker
  if (registry.get('vhost', vhost) === undefined) return false
  broker.firehose.trace(vhost, false)
  broker.disconnect(member => member.vhost === vhost, `vhost '${vhost}' was deleted`)
  engine.batch(() => {
    for (const log of engine.logs()) if (nameIn(vhost, log) !== undefined) engine.dropLog(log)
    for (const route of engine.routes()) {
      if (nameIn(vhost, route) !== undefined) {
        engine.dropRoute(route)
        broker.noteExchange(route, undefined)
      }
    }
    for (const kind of ['permission', 'topic-permission', 'policy', 'operator-policy'] as const) {
      for (const { names } of registry.list(kind)) {
        if (names[0] === vhost) registry.remove(kind, ...names)
      }
    }
    registry.remove('vhost-limits', vhost)
    registry.remove('vhost', vhost)
  })
  return true
}

/** Says goodbye to him, and forgets what he may do. False: there is none. */
export function removeUser(broker: Broker, name: string): boolean {
  const { registry } = broker
  if (registry.get('user', name) === undefined) return false
  broker.engine.batch(() => {
    for (const kind of ['permission', 'topic-permission'] as const) {
      for (const { names } of registry.list(kind)) {
        if (names[1] === name) registry.remove(kind, ...names)
      }
    }
    registry.remove('user-limits', name)
    registry.remove('user', name)
  })
  broker.disconnect(member => member.user === name, `user '${name}' was deleted`)
  return true
}
