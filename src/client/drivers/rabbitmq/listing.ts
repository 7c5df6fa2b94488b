/**
 * Which queues there are. AMQP cannot tell; RabbitMQ's management API can, where it is switched on:
 * at port 15672 of the same host (15671 with TLS), or where the URL's `management` says. Without it
 * the client knows what it has met itself.
 */

import type { DriverContext, Listed, Listing } from '../../driver.ts'

/** Who asks for a list waits for it; a firewall need not answer. */
const patienceMs = 3000
const pageSize = 500
const foundMax = 10_000

export interface Management {
  /** With the name and the password in it. */
  readonly url: string
  readonly vhost: string
}

/** Takes what is ours out of the broker's URL. */
export function managementOf(url: string): { readonly broker: string; readonly at: Management } {
  const parsed = new URL(url)
  const given = parsed.searchParams.get('management')
  parsed.searchParams.delete('management')
  const vhost = decodeURIComponent(parsed.pathname.slice(1)) || '/'
  const isSecure = parsed.protocol === 'amqps:'
  const at = new URL(
    given ?? `${isSecure ? 'https' : 'http'}://${parsed.hostname}:${isSecure ? 15_671 : 15_672}`,
  )
  if (at.username === '') {
    at.username = parsed.username
    at.password = parsed.password
  }
  return { broker: parsed.href, at: { url: at.href, vhost } }
}

export async function listQueues(
  { url, vhost }: Management,
  context: DriverContext,
  known: readonly string[],
): Promise<Listing> {
  const at = new URL(url)
  const [name, password] = [at.username || 'guest', at.password || 'guest'].map(decodeURIComponent)
  at.username = ''
  at.password = ''
  try {
    const names = await askNames(at, { vhost, login: `${name}:${password}` }, context)
    const notes =
      names.length >= foundMax ? [`There are more than these ${foundMax}: name the others.`] : []
    return { found: endpointsOf(names), notes }
  } catch (error) {
    const why = `AMQP has no list of queues, and RabbitMQ’s management API at ${at.href} does not give one (${(error as Error).message}): these are the queues that this client has used. Name others, or say where it is: amqp://HOST?management=http://HOST:15672.`
    return { found: endpointsOf(known), notes: [why] }
  }
}

async function askNames(
  at: URL,
  { vhost, login }: { readonly vhost: string; readonly login: string },
  context: DriverContext,
): Promise<string[]> {
  const headers = { authorization: `Basic ${Buffer.from(login).toString('base64')}` }
  const names: string[] = []
  for (let page = 1; names.length < foundMax; page++) {
    const path = `api/queues/${encodeURIComponent(vhost)}`
    const asked = new URL(path, at.href.endsWith('/') ? at : `${at.href}/`)
    asked.search = `page=${page}&page_size=${pageSize}&columns=name`
    const abort = new AbortController()
    const timer = context.clock.schedule(patienceMs, () => {
      abort.abort(new Error(`no answer in ${patienceMs} ms`))
    })
    try {
      const response = await fetch(asked, { headers, signal: abort.signal })
      if (!response.ok) throw new Error(`it answered ${response.status}`)
      const { items, page_count: pages } = (await response.json()) as Page
      names.push(...items.map(item => item.name))
      if (page >= pages) return names
    } catch (error) {
      throw causeOf(error)
    } finally {
      timer.cancel()
    }
  }
  return names
}

interface Page {
  readonly items: readonly { readonly name: string }[]
  readonly page_count: number
}

/** `fetch failed` says little; its cause says more. */
function causeOf(error: unknown): Error {
  const { cause } = error as Error
  return cause instanceof Error ? cause : (error as Error)
}

/** Queues and topics by the names of their queues: see names.ts. */
export function endpointsOf(queues: readonly string[]): Listed[] {
  const found = new Map<string, Listed>()
  const partitions = new Map<string, number>()
  for (const queue of queues) {
    const [, base = queue, part = ''] = /^(.*?)~(.*)$/.exec(queue) ?? []
    if (part.startsWith('g.')) continue
    if (/^k\d+$/.test(part)) partitions.set(base, (partitions.get(base) ?? 0) + 1)
    else if (part === 'log') found.set(base, plain('topic', base))
    else if (part === '') found.set(base, found.get(base) ?? plain('queue', base))
  }
  for (const [name, count] of partitions) {
    if (found.has(name)) continue
    const options = { rabbitmq: { partitions: count } }
    found.set(name, { kind: 'queue', name, keyed: true, options })
  }
  return [...found.values()].sort((left, right) => (left.name < right.name ? -1 : 1))
}

function plain(kind: Listed['kind'], name: string): Listed {
  return { kind, name, keyed: false, options: {} }
}
