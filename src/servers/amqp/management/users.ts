/** Users, what they may do, and on which topics. */

import { defaultHashing, hashings, patternOf } from '../access.ts'
import { decodeBase64 } from '../base64.ts'
import type { Broker } from '../broker.ts'
import type { Permission, TopicPermission, User } from '../registry.ts'
import { removeUser } from '../vhosts.ts'
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

export function userView(broker: Broker, name: string, user: User): JsonObject {
  return {
    name,
    password_hash: user.passwordHash,
    hashing_algorithm: user.algorithm,
    tags: user.tags,
    limits: broker.registry.get('user-limits', name) ?? {},
  }
}

export function sortedUsers(broker: Broker): { readonly name: string; readonly user: User }[] {
  return broker.registry
    .list('user')
    .map(({ names, value }) => ({ name: names[0]!, user: value }))
    .sort((left, right) => (left.name < right.name ? -1 : 1))
}

export function listUsers({ broker }: Request): List {
  return new List(sortedUsers(broker).map(({ name, user }) => userView(broker, name, user)))
}

export function listUsersWithoutPermissions({ broker }: Request): List {
  const permitted = new Set(broker.registry.list('permission').map(({ names }) => names[1]))
  return new List(
    sortedUsers(broker)
      .filter(({ name }) => !permitted.has(name))
      .map(({ name, user }) => userView(broker, name, user)),
  )
}

export function getUser({ broker, params }: Request): JsonObject {
  const user = broker.registry.get('user', params.name!) ?? notFound()
  return userView(broker, params.name!, user)
}

export function putUserNamed({ broker, params, body }: Request): Done {
  const given = body()
  const isNew = broker.registry.get('user', params.name!) === undefined
  putUser(broker, params.name!, given)
  return created(isNew)
}

/** A password, a hash of one, or neither: then no password opens it. */
export function putUser(broker: Broker, name: string, given: JsonObject): void {
  if (given.tags === undefined) badRequest('tags_not_present')
  const tags = tagsOf(given.tags)
  const limits = given.limits
  broker.registry.put('user', [name], { ...passwordOf(broker, given), tags })
  if (typeof limits !== 'object' || limits === null || Array.isArray(limits)) return
  if (Object.keys(limits).length === 0) return
  broker.registry.put('user-limits', [name], limits as { readonly [limit: string]: number })
}

function passwordOf(broker: Broker, given: JsonObject) {
  if (typeof given.password === 'string') return broker.access.hashed(given.password)
  const passwordHash = textOf(given, 'password_hash', '')
  if (passwordHash !== '' && decodeBase64(passwordHash) === undefined) {
    badRequest(['not_base64', passwordHash])
  }
  const algorithm = textOf(given, 'hashing_algorithm', defaultHashing)
  if (!Object.hasOwn(hashings, algorithm)) badRequest(`unknown hashing algorithm ${algorithm}`)
  return { passwordHash, algorithm }
}

export function deleteUser({ broker, params }: Request): Done {
  if (!removeUser(broker, params.name!)) notFound()
  return done
}

export function deleteUsers({ broker, body }: Request): Done {
  const { users } = body()
  if (!Array.isArray(users)) badRequest('[{key_missing,users}]')
  for (const name of users) removeUser(broker, String(name))
  return done
}

export function whoami({ user, tags }: Request): JsonObject {
  return { name: user, tags }
}

// Permissions

/** By virtual host, by user, or all. */
function wanted({ params }: Request) {
  return ({ names: [vhost, user] }: { readonly names: readonly string[] }): boolean =>
    (params.vhost === undefined || params.vhost === vhost) &&
    (params.user === undefined || params.user === user)
}

function checkExists({ broker: { registry }, params }: Request): void {
  const { vhost, user } = params
  if (vhost !== undefined && registry.get('vhost', vhost) === undefined) notFound()
  if (user !== undefined && registry.get('user', user) === undefined) notFound()
}

export function permissionViews(broker: Broker): JsonObject[] {
  return broker.registry.list('permission').map(({ names: [vhost, user], value }) => {
    const { configure, write, read } = value
    return { user, vhost, configure, write, read }
  })
}

export function topicPermissionViews(broker: Broker): JsonObject[] {
  return broker.registry.list('topic-permission').map(({ names, value }) => {
    const [vhost, user, exchange] = names
    return { user, vhost, exchange, write: value.write, read: value.read }
  })
}

function viewsFor(request: Request, views: readonly JsonObject[]): List {
  checkExists(request)
  const keep = wanted(request)
  return new List(views.filter(({ vhost, user }) => keep({ names: [String(vhost), String(user)] })))
}

export function listPermissions(request: Request): List {
  return viewsFor(request, permissionViews(request.broker))
}

export function getPermission(request: Request): JsonObject {
  return listPermissions(request).items[0] ?? notFound()
}

export function putPermission({ broker, params, body }: Request): Done {
  const { vhost, user } = params as { vhost: string; user: string }
  const isNew = broker.registry.get('permission', vhost, user) === undefined
  setPermission(broker, vhost, user, body())
  return created(isNew)
}

export function setPermission(broker: Broker, vhost: string, user: string, body: JsonObject): void {
  required(body, 'configure', 'write', 'read')
  const permission: Permission = {
    configure: patternText(body.configure),
    write: patternText(body.write),
    read: patternText(body.read),
  }
  checkVhostAndUser(broker, vhost, user)
  broker.registry.put('permission', [vhost, user], permission)
}

function patternText(value: unknown): string {
  if (typeof value === 'string' && patternOf(value) !== undefined) return value
  return badRequest(['invalid_regexp', value, 'cannot be compiled'])
}

/** A user whom only the users file knows may be given permissions, too. */
function checkVhostAndUser(broker: Broker, vhost: string, user: string): void {
  const known = broker.registry.get('vhost', vhost) !== undefined && broker.access.isKnown(user)
  if (!known) badRequest('vhost_or_user_not_found')
}

export function deletePermission(request: Request): Done {
  const { vhost, user } = request.params as { vhost: string; user: string }
  if (!request.broker.registry.remove('permission', vhost, user)) notFound()
  return done
}

export function listTopicPermissions(request: Request): List {
  return viewsFor(request, topicPermissionViews(request.broker))
}

export function getTopicPermissions(request: Request): List {
  const list = listTopicPermissions(request)
  return list.items.length === 0 ? notFound() : list
}

export function putTopicPermission({ broker, params, body }: Request): Done {
  const { vhost, user } = params as { vhost: string; user: string }
  const given = body()
  required(given, 'exchange', 'write', 'read')
  const exchange = String(given.exchange)
  const isNew = broker.registry.get('topic-permission', vhost, user, exchange) === undefined
  setTopicPermission(broker, vhost, user, given)
  return created(isNew)
}

export function setTopicPermission(
  broker: Broker,
  vhost: string,
  user: string,
  body: JsonObject,
): void {
  required(body, 'exchange', 'write', 'read')
  const permission: TopicPermission = {
    write: patternText(body.write),
    read: patternText(body.read),
  }
  checkVhostAndUser(broker, vhost, user)
  broker.registry.put('topic-permission', [vhost, user, String(body.exchange)], permission)
}

/** For one exchange, or for all of them. */
export function deleteTopicPermission({ broker, params }: Request): Done {
  let found = false
  for (const { names } of broker.registry.list('topic-permission')) {
    const [vhost, user, exchange] = names
    const isOne = params.exchange === undefined || params.exchange === exchange
    if (vhost === params.vhost && user === params.user && isOne) {
      found = broker.registry.remove('topic-permission', ...names)
    }
  }
  if (!found) notFound()
  return done
}
