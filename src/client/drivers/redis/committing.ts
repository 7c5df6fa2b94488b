/** Sends and settlements in one step. */

import type { Outgoing, SendResult, Work } from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import { countOf, RedisDelivery } from './delivery.ts'
import type { Layout } from './layout.ts'
import type { Command, Link, Reply } from './link.ts'
import { markerOf, rememberDuplicate, type Storing, storing } from './sending.ts'
import type { Store } from './store.ts'

interface Step {
  readonly commands: Command[]
  /** For each send: where its reply is; undefined: a duplicate. */
  readonly sends: readonly ({ readonly place: number; readonly storing: Storing } | undefined)[]
}

export async function commit(store: Store, { send, settle }: Work): Promise<readonly SendResult[]> {
  const settling: Command[] = []
  const firsts: { readonly place: number; readonly delivery: RedisDelivery }[] = []
  for (const { delivery, settlement } of settle) {
    if (!(delivery instanceof RedisDelivery)) throw foreignDelivery()
    await delivery.check()
    firsts.push({ place: settling.length, delivery })
    settling.push(...(await delivery.commandsFor(settlement)))
  }
  const layouts: Layout[] = []
  for (const { to } of send) layouts.push(await store.layoutOf(to))
  const markers = send.map((message, index) => {
    return message.dedupeId === undefined ? undefined : markerOf(layouts[index]!, message)
  })
  const step = (known: ReadonlySet<string>) =>
    stepOf(store, settling, send, layouts, markers, known)
  const { made, replies } = await make(store, markers, step)
  for (const { delivery, settlement } of settle) {
    if (delivery instanceof RedisDelivery) delivery.settledBy(settlement)
  }
  const lost = firsts.find(({ place }) => countOf(replies[place]) === 0)
  if (lost !== undefined) {
    await lost.delivery.undo(made.commands, replies)
    throw lost.delivery.lost()
  }
  return made.sends.map(one =>
    one === undefined
      ? { ok: true, duplicate: true, position: undefined }
      : one.storing.result(replies[one.place]),
  )
}

async function make(
  store: Store,
  markers: readonly (string | undefined)[],
  step: (known: ReadonlySet<string>) => Step,
): Promise<{ readonly made: Step; readonly replies: readonly Reply[] }> {
  const watched = [...new Set(markers.filter(marker => marker !== undefined))]
  if (watched.length === 0) {
    const made = step(new Set())
    if (made.commands.length === 0) return { made, replies: [] }
    return { made, replies: (await store.link.together(made.commands))! }
  }
  const look = async (link: Link) => {
    const found = (await link.command(['MGET', ...watched])) as (string | null)[]
    const value = step(new Set(watched.filter((_, index) => found[index] !== null)))
    return { commands: value.commands, value }
  }
  const { value, replies } = await store.exchange(watched, look)
  return { made: value, replies }
}

function stepOf(
  store: Store,
  settling: readonly Command[],
  send: readonly Outgoing[],
  layouts: readonly Layout[],
  markers: readonly (string | undefined)[],
  known: ReadonlySet<string>,
): Step {
  const commands = [...settling]
  const seen = new Set(known)
  const sends = send.map((message, index) => {
    const marker = markers[index]
    if (marker !== undefined) {
      if (seen.has(marker)) return undefined
      seen.add(marker)
      commands.push(rememberDuplicate(marker, message))
    }
    const one = storing(store, layouts[index]!, message)
    const place = commands.length
    commands.push(...one.commands)
    return { place, storing: one }
  })
  return { commands, sends }
}

function foreignDelivery(): ClientError {
  const why = 'a message of another connection cannot be settled in this commit.'
  return new ClientError({ code: 'SPILLWAY_E_FOREIGN', backend: 'redis', why })
}
