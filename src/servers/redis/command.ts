/** One row of the table of commands, and what can be read from a request by it. */

import type { Request } from '../../wire/resp/request.ts'
import type { Session } from './session.ts'

export type Handler = (session: Session, request: Request) => void

export interface Command {
  /** In small letters; a subcommand with its container: `client|list`. */
  readonly name: string
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
  if (first === 0) return []
  const end = last < 0 ? request.count + last : last
  const keys: string[] = []
  for (let at = first; at <= end && at < request.count; at += step) keys.push(request.text(at))
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
