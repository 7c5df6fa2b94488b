/** What all batches have in common: 1 to 10 entries, each with an id, each answered by itself. */

import { fail, SqsFailure, wireErrorOf } from '../errors.ts'
import { limits } from '../limits.ts'

interface Entry {
  readonly Id: string
}

const entryId = /^[A-Za-z0-9_-]{1,80}$/

export function checkBatch<T extends Entry>(
  entries: readonly T[] | undefined,
  name: string,
): readonly T[] {
  if (entries === undefined || entries.length === 0) {
    fail('EmptyBatchRequest', `There should be at least one ${name} in the request.`)
  }
  if (entries.length > limits.batchMax) {
    fail(
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are ${limits.batchMax}. You have sent ${entries.length}.`,
    )
  }
  const ids = new Set<string>()
  for (const { Id } of entries) {
    if (!entryId.test(Id)) {
      fail(
        'InvalidBatchEntryId',
        'A batch entry id can only contain alphanumeric characters, hyphens and underscores. ' +
          'It can be at most 80 letters long.',
      )
    }
    if (ids.has(Id)) fail('BatchEntryIdsNotDistinct', `Id ${Id} repeated.`)
    ids.add(Id)
  }
  return entries
}

/**
 * Runs each entry, whose result must have its id; a failure is that entry's alone. Empty lists are
 * left out, as AWS does.
 */
export function runBatch<T extends Entry, R extends { readonly Id?: string }>(
  entries: readonly T[],
  run: (entry: T) => R,
) {
  const successful: R[] = []
  const failures: { Id: string; SenderFault: boolean; Code: string; Message: string }[] = []
  for (const entry of entries) {
    try {
      successful.push(run(entry))
    } catch (error) {
      if (!(error instanceof SqsFailure)) throw error
      const { query, senderFault } = wireErrorOf(error.code)
      const { message } = error
      failures.push({ Id: entry.Id, SenderFault: senderFault, Code: query, Message: message })
    }
  }
  return {
    ...(successful.length > 0 ? { Successful: successful } : {}),
    ...(failures.length > 0 ? { Failed: failures } : {}),
  }
}
