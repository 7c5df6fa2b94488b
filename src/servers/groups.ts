/**
 * Groups of readers as somebody sees them who looks after them: what each protocol that has groups
 * offers beside its port. Every change is journaled by the server as one of its own commands would.
 */

/** A group's place in one log of the engine. */
export interface GroupPlace {
  readonly log: string
  /** The protocol's own position: an offset, an entry's id. */
  readonly at: string
  /** Records that it has not read; undefined: not known. */
  readonly lag: number | undefined
  readonly pending: number
}

export interface GroupView {
  readonly group: string
  readonly state: string
  readonly members: readonly {
    readonly id: string
    readonly client: string
    readonly detail: string
  }[]
  readonly places: readonly GroupPlace[]
}

/** `skip`: past the one record that comes next. */
export type GroupReset =
  | 'earliest'
  | 'latest'
  | 'skip'
  | { readonly time: number }
  | { readonly at: string }

/** Changes answer what stands in the way, or undefined: done. */
export interface GroupDesk {
  list(): GroupView[]
  reset(group: string, log: string, to: GroupReset): string | undefined
  /** Puts a member out; what it held is for others. */
  kick(group: string, member: string): string | undefined
  remove(group: string): string | undefined
}
