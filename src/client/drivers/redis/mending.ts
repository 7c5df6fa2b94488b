/** What consumers do about reads that wait, and about reads that fail. */

import { ClientError } from '../../errors.ts'
import { findLayout, makeGroup, restoreLayout } from './layout.ts'
import { BrokenLink, type Link, replyCode } from './link.ts'
import type { Source } from './names.ts'
import type { Store } from './store.ts'

const interruptMs = 10
const againMs = 1000

/**
 * Ends a read that waits; one that is only about to wait is not ended by being told once. False: it
 * could not be told, because there is no connection.
 */
export async function interrupt(
  store: Store,
  reader: Link,
  reading: Promise<unknown>,
): Promise<boolean> {
  let isOver = false
  const end = () => {
    isOver = true
  }
  const over = reading.then(end, end)
  const id = reader.isReady ? await Promise.race([reader.clientId().catch(() => ''), over]) : ''
  while (!isOver && reader.isReady && store.link.isReady && id !== '') {
    await store.link.command(['CLIENT', 'UNBLOCK', String(id)]).catch(() => {})
    const moment = new Promise<void>(resolve => {
      store.context.clock.schedule(interruptMs, resolve)
    })
    await Promise.race([over, moment])
  }
  return isOver
}

/** For good: what cannot be told to end is cut off. */
export async function endReading(
  store: Store,
  reader: Link,
  reading: Promise<void>,
): Promise<void> {
  if (!(await interrupt(store, reader, reading))) reader.close()
  await reading
}

/**
 * After a read failed: undefined when it can be made again, or the error that ends the consumer.
 * A server that came back empty has its groups made again; an endpoint that was dropped has not.
 */
export async function mend(
  store: Store,
  source: Source,
  error: unknown,
): Promise<Error | undefined> {
  if (error instanceof BrokenLink) return undefined
  const code = replyCode(error)
  const thrown = error instanceof Error ? error : new Error(String(error))
  try {
    if (code === 'NOGROUP' || code === 'UNBLOCKED') return await makeAgain(store, source)
  } catch (failure) {
    if (!(failure instanceof BrokenLink)) throw failure
    return undefined
  }
  if (!(error instanceof ClientError) || !error.retryable) return thrown
  store.context.emit({ kind: 'error', error: thrown })
  await new Promise<void>(resolve => {
    store.context.clock.schedule(againMs, resolve)
  })
  return undefined
}

async function makeAgain(store: Store, source: Source): Promise<Error | undefined> {
  const { layout, streams, group } = source
  const isThere = (await findLayout(store.link, layout.name)) !== undefined
  const isNew = await store.hasRestarted()
  if (!isThere && !isNew) {
    const why = `${layout.name} was deleted.`
    return new ClientError({ code: 'SPILLWAY_E_DELETED', backend: 'redis', why })
  }
  if (!isThere) await restoreLayout(store.link, layout)
  // All that a server has which began empty has come since.
  const from = isNew ? '0' : '$'
  await Promise.all(
    streams.map(({ key, keeps }) => makeGroup(store.link, key, group, keeps ? from : '0')),
  )
  return undefined
}
