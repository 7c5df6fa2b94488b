/** Virtual hosts, and the limits of virtual hosts and users. */

import { everything } from '../access.ts'
import { engineName } from '../names.ts'
import { print } from '../policy-keys.ts'
import { putVhost, removeVhost } from '../vhosts.ts'
import {
  badRequest,
  created,
  type Done,
  done,
  type JsonObject,
  List,
  notFound,
  type Request,
  required,
  tagsOf,
  textOf,
} from './http.ts'
import { allVhosts, namesIn, visibleVhosts } from './scope.ts'

function vhostView({ broker, about }: Request, name: string): JsonObject {
  const vhost = broker.registry.get('vhost', name)
  if (vhost === undefined) notFound()
  const { engine } = broker
  let ready = 0
  let leased = 0
  for (const queue of namesIn(name, engine.logs())) {
    const info = engine.log(engineName(name, queue))
    ready += info === undefined ? 0 : info.config.queue === undefined ? info.count : info.ready
    leased += info?.leased ?? 0
  }
  const { description, tags } = vhost
  const rate = { rate: 0 }
  return {
    cluster_state: { [about.nodeName]: 'running' },
    default_queue_type: vhost.defaultQueueType ?? 'undefined',
    description,
    messages: ready + leased,
    messages_details: rate,
    messages_ready: ready,
    messages_ready_details: rate,
    messages_unacknowledged: leased,
    messages_unacknowledged_details: rate,
    metadata: { description, tags },
    name,
    tags,
    tracing: broker.firehose.traces(name),
  }
}

export function listVhosts(request: Request): List {
  const { tags, broker } = request
  const all = tags.includes('administrator') || tags.includes('monitoring')
  const names = all ? allVhosts(broker.registry) : visibleVhosts(request)
  return new List(names.map(name => vhostView(request, name)))
}

export function getVhost(request: Request): JsonObject {
  return vhostView(request, request.params.name!)
}

/** Who makes one may do everything in it. */
export function putVhostNamed({ broker, params, body, user }: Request): Done {
  const name = params.name!
  const given = body()
  const before = broker.registry.get('vhost', name)
  const queueType = textOf(given, 'default_queue_type', before?.defaultQueueType ?? '')
  const isNew = putVhost(broker, name, {
    description: textOf(given, 'description', before?.description ?? ''),
    tags: given.tags === undefined ? (before?.tags ?? []) : tagsOf(given.tags),
    ...(queueType === '' || queueType === 'undefined' ? {} : { defaultQueueType: queueType }),
  })
  if (typeof given.tracing === 'boolean') broker.firehose.trace(name, given.tracing)
  if (isNew && broker.access.user(user) !== undefined) {
    broker.registry.put('permission', [name, user], everything)
  }
  return created(isNew)
}

export function deleteVhost({ broker, params }: Request): Done {
  if (!removeVhost(broker, params.name!)) notFound()
  return done
}

// Limits

const names = {
  'vhost-limits': ['max-connections', 'max-queues'],
  'user-limits': ['max-connections', 'max-channels'],
} as const
type LimitKind = keyof typeof names

export function listLimits(kind: LimitKind) {
  return ({ broker, params }: Request): List => {
    const label = kind === 'vhost-limits' ? 'vhost' : 'user'
    const entries = broker.registry
      .list(kind)
      .filter(entry => params.name === undefined || entry.names[0] === params.name)
    return new List(entries.map(({ names: [name], value }) => ({ [label]: name, value })))
  }
}

export function putLimit(kind: LimitKind) {
  return ({ broker, params, body }: Request): Done => {
    const name = params.name!
    const limit = params.limit!
    const exists = broker.registry.get(kind === 'vhost-limits' ? 'vhost' : 'user', name)
    if (exists === undefined) notFound()
    const given = body()
    required(given, 'value')
    const { value } = given
    if (!(names[kind] as readonly string[]).includes(limit)) {
      const what = `Unrecognised terms [{${print(limit)},${print(value)}}] in limits`
      badRequest(`Validation failed\n\n${what}\n`)
    }
    if (typeof value !== 'number') {
      badRequest(`${limit} should be a number, actually was ${print(value)}`)
    }
    broker.registry.put(kind, [name], { ...broker.registry.get(kind, name), [limit]: value })
    return done
  }
}

export function deleteLimit(kind: LimitKind) {
  return ({ broker, params }: Request): Done => {
    const before = broker.registry.get(kind, params.name!)
    if (before === undefined) notFound()
    const { [params.limit!]: _, ...rest } = before
    if (Object.keys(rest).length === 0) broker.registry.remove(kind, params.name!)
    else broker.registry.put(kind, [params.name!], rest)
    return done
  }
}
