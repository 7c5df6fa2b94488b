/** What a request is about: which virtual hosts, and what is called how in them. */

import { nameIn } from '../names.ts'
import { notFound, type Request } from './http.ts'

/** The virtual hosts of a request: the one of its path, or all that its user may see. */
export function vhostsOf(request: Request): readonly string[] {
  const { vhost } = request.params
  if (vhost === undefined) return visibleVhosts(request)
  if (request.broker.registry.get('vhost', vhost) === undefined) notFound()
  return [vhost]
}

/** Those whose contents a user may see. */
export function visibleVhosts({ broker, user }: Request): string[] {
  return allVhosts(broker.registry).filter(vhost => broker.access.mayEnter(vhost, user))
}

export function allVhosts(registry: Request['broker']['registry']): string[] {
  return registry
    .list('vhost')
    .map(({ names }) => names[0]!)
    .sort()
}

function byName(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

export function namesIn(vhost: string, names: readonly string[]): string[] {
  const own = names.map(name => nameIn(vhost, name)).filter(name => name !== undefined)
  return own.sort(byName)
}
