/** One row of the table of commands, and what can be read from a request by it. */

import type { Request } from '../../wire/resp/request.ts'
import type { Session } from './session.ts'

export type Handler = (session: Session, request: Request) => void

export interface Command {
  /** In small letters; a subcommand with its container: `client|list`. */
  readonly name: string
  /** Its place among all commands, for counters. */
  readonly index: number
  /** `since` as a number, as `minorOf` has it. */
  readonly minor: number
  /** Served before somebody has said who they are. */
  readonly isOpen: boolean
  /** Never queued by MULTI. */
  readonly isImmediate: boolean
  readonly isForSubscribers: boolean
  /** Refused above `maxmemory`. */
  readonly isGrowing: boolean
  /** Words, the name included; negative: at least. */
  readonly arity: number
  readonly flags: readonly string[]
  /** First key, last key (negative: from the end), step; zeros: none, or only the handler knows. */
  readonly keys: readonly [number, number, number]
  readonly since: string
  readonly group: string
  readonly summary: string
  readonly handler: Handler
  readonly subcommands?: ReadonlyMap<string, Command> | undefined
}

export function keysOf(command: Command, request: Request): string[] {
  const [first, last, step] = command.keys
  if (command.name === 'xread' || command.name === 'xreadgroup') return streamKeys(request)
  const counted = countsAt[command.name]
  if (counted !== undefined) return countedKeys(request, counted)
  if (first === 0) return []
  const end = last < 0 ? request.count + last : last
  const keys: string[] = []
  for (let at = first; at <= end && at < request.count; at += step) keys.push(request.text(at))
  return keys
}

/** Where the number of keys is, for commands that say how many there are. */
const countsAt: { readonly [name: string]: number | undefined } = {
  lmpop: 1,
  zmpop: 1,
  blmpop: 2,
  bzmpop: 2,
}

function countedKeys(request: Request, at: number): string[] {
  const count = Number(request.text(at))
  const keys: string[] = []
  for (let word = at + 1; word <= at + count && word < request.count; word++) {
    keys.push(request.text(word))
  }
  return keys
}

function streamKeys(request: Request): string[] {
  for (let at = 1; at < request.count; at++) {
    if (!request.is(at, 'STREAMS')) continue
    const count = Math.floor((request.count - at - 1) / 2)
    return Array.from({ length: count }, (_, index) => request.text(at + 1 + index))
  }
  return []
}

export function rightArity({ arity }: Command, count: number): boolean {
  return arity >= 0 ? count === arity : count >= -arity
}

const minors = new Map<string, number>()

/** A version as a number that rises with it; remembered, because it is asked often. */
export function minorOf(version: string): number {
  const known = minors.get(version)
  if (known !== undefined) return known
  const [major = '0', minor = '0'] = version.split('.')
  const number = Number(major) * 100 + Number(minor)
  minors.set(version, number)
  return number
}
