/** How many entries a group has read, and how many it has before it, where that can be known. */

import { type Id, zeroId } from '../mapping.ts'
import type { Group, Stream } from '../stream.ts'

/** Whether something at or after `from` has been deleted out of the middle. */
function hasGap(stream: Stream, from: Id): boolean {
  if (stream.length === 0 || stream.maxDeletedId === zeroId) return false
  if (stream.firstId > stream.maxDeletedId) return false
  return from <= stream.maxDeletedId
}

/** Entries ever added up to `id`; -1: it cannot be known. */
export function distanceFromFirst(stream: Stream, id: Id): number {
  if (stream.entriesAdded === 0) return 0
  if (stream.length === 0 && id <= stream.lastId) return stream.entriesAdded
  if (id === stream.lastId) return stream.entriesAdded
  if (id > stream.lastId) return -1
  const { firstId } = stream
  if (stream.maxDeletedId === zeroId || stream.maxDeletedId < firstId) {
    if (id < firstId) return stream.entriesAdded - stream.length
    if (id === firstId) return stream.entriesAdded - stream.length + 1
  }
  return -1
}

/** The group's count after it has been given `id`. */
export function entriesReadAt(stream: Stream, group: Group, id: Id): number {
  if (group.entriesRead !== -1 && !hasGap(stream, id)) return group.entriesRead + 1
  if (stream.entriesAdded > 0) return distanceFromFirst(stream, id)
  return group.entriesRead
}

/** Entries that the group has not read; undefined: it cannot be known. */
export function lagOf(stream: Stream, group: Group): number | undefined {
  if (stream.entriesAdded === 0) return 0
  if (group.entriesRead !== -1 && !hasGap(stream, group.lastId)) {
    return stream.entriesAdded - group.entriesRead
  }
  const read = distanceFromFirst(stream, group.lastId)
  return read === -1 ? undefined : stream.entriesAdded - read
}
