/**
 * Who reads which partition, for groups whose assignments the broker makes (KIP-848). Pure: the
 * same input gives the same answer.
 */

/** A member as an assignor sees it. */
export interface Claimant {
  readonly id: string
  /** Topics that it wants, and that exist. */
  readonly topics: readonly AssignableTopic[]
  /** What it was to have before. */
  readonly had: ReadonlySet<string>
}

export interface AssignableTopic {
  readonly id: string
  readonly partitions: number
}

export type Assignment = ReadonlyMap<string, ReadonlySet<string>>
export type Assignor = (claimants: readonly Claimant[]) => Assignment

/** A partition as one word. */
export function partitionKey(topicId: string, partition: number): string {
  return `${topicId}:${partition}`
}

/**
 * “Uniform”: counts differ by one at most, as far as subscriptions let them, and everybody keeps as
 * much of what he had as that allows.
 */
export const uniform: Assignor = claimants => {
  const wants = new Map<string, Claimant[]>()
  for (const claimant of claimants) {
    for (const { id, partitions } of claimant.topics) {
      for (let partition = 0; partition < partitions; partition++) {
        const key = partitionKey(id, partition)
        const known = wants.get(key)
        if (known === undefined) wants.set(key, [claimant])
        else known.push(claimant)
      }
    }
  }
  const given = new Map(claimants.map(({ id }) => [id, new Set<string>()]))
  const most = Math.ceil(wants.size / Math.max(1, claimants.length))
  const free: string[] = []
  for (const [key, candidates] of wants) {
    const before = candidates.find(({ id, had }) => had.has(key) && given.get(id)!.size < most)
    if (before === undefined) free.push(key)
    else given.get(before.id)!.add(key)
  }
  for (const key of free) given.get(poorest(wants.get(key)!, given).id)!.add(key)
  level(wants, given)
  return given
}

function poorest(
  candidates: readonly Claimant[],
  given: ReadonlyMap<string, ReadonlySet<string>>,
): Claimant {
  let found = candidates[0]!
  for (const each of candidates) {
    if (given.get(each.id)!.size < given.get(found.id)!.size) found = each
  }
  return found
}

/** Moves partitions from who has two more than somebody else who wants them, until nobody has. */
function level(
  wants: ReadonlyMap<string, readonly Claimant[]>,
  given: ReadonlyMap<string, Set<string>>,
): void {
  for (let hasMoved = true; hasMoved; ) {
    hasMoved = false
    for (const [owner, keys] of given) {
      for (const key of keys) {
        const other = poorest(wants.get(key)!, given)
        if (given.get(other.id)!.size + 2 > keys.size || other.id === owner) continue
        keys.delete(key)
        given.get(other.id)!.add(key)
        hasMoved = true
      }
    }
  }
}

/** “Range”: of each topic, neighbouring partitions go to neighbouring members. */
export const range: Assignor = claimants => {
  const sorted = [...claimants].sort((left, right) => (left.id < right.id ? -1 : 1))
  const given = new Map(claimants.map(({ id }) => [id, new Set<string>()]))
  const topics = new Map<string, number>()
  for (const each of claimants)
    for (const { id, partitions } of each.topics) topics.set(id, partitions)
  for (const [id, partitions] of topics) {
    const members = sorted.filter(each => each.topics.some(topic => topic.id === id))
    const least = Math.floor(partitions / members.length)
    const richer = partitions % members.length
    let partition = 0
    for (const [index, member] of members.entries()) {
      const until = partition + least + (index < richer ? 1 : 0)
      for (; partition < until; partition++) given.get(member.id)!.add(partitionKey(id, partition))
    }
  }
  return given
}

/** By the names that clients ask for. */
export const assignors: { readonly [name: string]: Assignor } = { uniform, range }
