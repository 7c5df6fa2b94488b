/** Policies and operator policies, and the parameters as which RabbitMQ also shows them. */

import type { Broker } from '../broker.ts'
import { policyOf } from '../policy-keys.ts'
import type { Policy } from '../registry.ts'
import {
  badRequest,
  created,
  type Done,
  done,
  type JsonObject,
  List,
  notAuthorised,
  notFound,
  type Request,
  required,
} from './http.ts'
import { vhostsOf } from './scope.ts'

export type PolicyKind = 'policy' | 'operator-policy'

/** RabbitMQ's names of the components whose values we have. */
const components = { policy: 'policy', 'operator-policy': 'operator_policy' } as const

function valueView({ pattern, applyTo, priority, definition }: Policy): JsonObject {
  return { pattern, 'apply-to': applyTo, definition, priority }
}

export function policyViews(broker: Broker, kind: PolicyKind): JsonObject[] {
  return broker.registry
    .list(kind)
    .map(({ names: [vhost, name], value }) => ({ vhost, name, ...valueView(value) }))
}

export function listPolicies(kind: PolicyKind) {
  return (request: Request): List => {
    const vhosts = vhostsOf(request)
    const views = policyViews(request.broker, kind)
    return new List(views.filter(({ vhost }) => vhosts.includes(String(vhost))))
  }
}

export function getPolicy(kind: PolicyKind) {
  return ({ broker, params }: Request): JsonObject => {
    const { vhost, name } = params as { vhost: string; name: string }
    const policy = broker.registry.get(kind, vhost, name) ?? notFound()
    return { vhost, name, ...valueView(policy) }
  }
}

export function putPolicy(kind: PolicyKind) {
  return (request: Request): Done => {
    const { broker, params, body } = request
    const { vhost, name } = params as { vhost: string; name: string }
    const [only] = vhostsOf(request)
    const given = body()
    required(given, 'pattern', 'definition')
    const isNew = broker.registry.get(kind, only!, name) === undefined
    setPolicy(broker, kind, [vhost, name], given)
    broker.policies.apply(vhost)
    return created(isNew)
  }
}

/** It is in force after the next `apply`. */
export function setPolicy(
  broker: Broker,
  kind: PolicyKind,
  names: readonly [vhost: string, name: string],
  body: JsonObject,
): void {
  const policy = policyOf(body, kind === 'operator-policy')
  if (typeof policy === 'string') badRequest(`Validation failed\n\n${policy}\n`)
  broker.registry.put(kind, names, policy)
}

export function deletePolicy(kind: PolicyKind) {
  return ({ broker, params }: Request): Done => {
    const { vhost, name } = params as { vhost: string; name: string }
    if (!broker.registry.remove(kind, vhost, name)) notFound()
    broker.policies.apply(vhost)
    return done
  }
}

// Parameters

/** Policies as parameters, and the limits of virtual hosts. */
export function parameterViews(broker: Broker): JsonObject[] {
  const limits = broker.registry.list('vhost-limits').map(({ names: [vhost], value }) => {
    return { value, vhost, component: 'vhost-limits', name: 'limits' }
  })
  const policies = (['policy', 'operator-policy'] as const).flatMap(kind =>
    broker.registry.list(kind).map(({ names: [vhost, name], value }) => {
      return { value: valueView(value), vhost, component: components[kind], name }
    }),
  )
  return [...limits, ...policies]
}

/** Policies have their own list, so they are shown when asked for only. */
export function listParameters(request: Request): List {
  const { component, vhost } = request.params
  const keep = (view: JsonObject) =>
    (component === undefined ? view.component !== 'policy' : view.component === component) &&
    (vhost === undefined || view.vhost === vhost)
  return new List(parameterViews(request.broker).filter(keep))
}

export function getParameter(request: Request): JsonObject {
  const { name } = request.params
  return listParameters(request).items.find(view => view.name === name) ?? notFound()
}

export function putParameter(request: Request): Done {
  const { component, vhost, name } = request.params as { [part: string]: string }
  const given = request.body()
  required(given, 'value')
  const value = given.value as JsonObject
  const isNew = listParameters(request).items.every(view => view.name !== name)
  setParameter(request, { component: component!, vhost: vhost!, name: name!, value })
  request.broker.policies.apply(vhost!)
  return created(isNew)
}

interface Parameter {
  readonly component: string
  readonly vhost: string
  readonly name: string
  readonly value: JsonObject
}

function setParameter(request: Request, { component, vhost, name, value }: Parameter): void {
  const isOperator = component === components['operator-policy']
  if (isOperator && !request.tags.includes('administrator')) notAuthorised('Not administrator user')
  importParameter(request.broker, { component, vhost, name, value })
}

export function importParameter(broker: Broker, parameter: Parameter): void {
  const { component, vhost, name, value } = parameter
  if (component === 'policy') setPolicy(broker, 'policy', [vhost, name], value)
  else if (component === 'operator_policy')
    setPolicy(broker, 'operator-policy', [vhost, name], value)
  else if (component === 'vhost-limits') {
    broker.registry.put('vhost-limits', [vhost], value as { readonly [limit: string]: number })
  } else badRequest(`Validation failed\n\ncomponent ${component} not found\n`)
}

export function deleteParameter(request: Request): Done {
  const { component, vhost, name } = request.params as { [part: string]: string }
  const { registry, policies } = request.broker
  const found =
    component === 'policy'
      ? registry.remove('policy', vhost!, name!)
      : component === 'operator_policy'
        ? registry.remove('operator-policy', vhost!, name!)
        : component === 'vhost-limits' && registry.remove('vhost-limits', vhost!)
  if (!found) notFound()
  policies.apply(vhost!)
  return done
}

export function globalParameterViews(broker: Broker): JsonObject[] {
  return broker.registry
    .list('global-parameter')
    .map(({ names: [name], value }) => ({ name, value }))
}

export function listGlobalParameters({ broker }: Request): List {
  return new List(globalParameterViews(broker))
}

export function getGlobalParameter({ broker, params }: Request): JsonObject {
  const found = globalParameterViews(broker).find(({ name }) => name === params.name)
  return found ?? notFound()
}

export function putGlobalParameter({ broker, params, body }: Request): Done {
  const given = body()
  required(given, 'value')
  const isNew = broker.registry.get('global-parameter', params.name!) === undefined
  broker.registry.put('global-parameter', [params.name!], given.value)
  return created(isNew)
}

export function deleteGlobalParameter({ broker, params }: Request): Done {
  if (!broker.registry.remove('global-parameter', params.name!)) notFound()
  return done
}
