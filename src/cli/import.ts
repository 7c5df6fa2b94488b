/**
 * `spillway import QUEUE [FILE]`: sends the lines that `export` wrote, in their order. Beside FILE
 * it keeps how far it came (`FILE.QUEUE.imported`), so that the same command goes on after a kill;
 * the batch that was under way may then be there twice, with the same ids.
 */

import { createReadStream, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Bus } from '../client/bus.ts'
import type { Endpoint, Outgoing } from '../client/driver.ts'
import { endpointOf } from '../client/endpoints.ts'
import { plainOutgoing, receiptsOf } from '../client/sending.ts'
import { headerNames } from '../client/wire.ts'
import { isClientUrl, queueNamed, topicNamed, withBus } from './bus.ts'
import { adminClient, queuePath } from './client.ts'
import { exitCodes, usageFailure } from './failure.ts'
import type { Command } from './main.ts'
import { bytesOf, type MessageLine, parseLine } from './message-lines.ts'
import type { Settings } from './options.ts'
import { progress } from './progress.ts'

const batchCount = 500
const batchCharacters = 4 * 1024 * 1024

export const importMessages: Command = async ({ settings, words, output }) => {
  const [name, file, rest] = words
  if (name === undefined) throw usageFailure('import needs a queue, or topic:NAME.')
  if (rest !== undefined)
    throw usageFailure(`import takes a queue and a file; “${rest}” is too much.`)
  if (file !== undefined && !existsSync(file)) throw usageFailure(`there is no file ${file}.`)
  const mark = file === undefined ? undefined : markOf(file, name)
  const stop = new AbortController()
  const onInterrupt = (): void => stop.abort()
  process.once('SIGINT', onInterrupt)
  const done = mark === undefined ? 0 : linesDone(mark)
  const bar = progress(output, { label: 'imported', total: settings.count })
  let number = 0
  let sent = 0
  const batches = readBatches(file, done, settings.count, () => stop.signal.aborted)
  const sendAll = async (send: (lines: readonly MessageLine[]) => Promise<void>) => {
    for await (const lines of batches) {
      await send(lines)
      sent += lines.length
      number = done + sent
      if (mark !== undefined) writeFileSync(mark, String(number))
      bar.update(sent)
    }
  }
  try {
    if (isClientUrl(settings.url)) await toBackend(name, settings, sendAll)
    else await toAdmin(name, settings, sendAll)
  } finally {
    process.removeListener('SIGINT', onInterrupt)
    bar.end()
  }
  const isWhole = !stop.signal.aborted && settings.count === undefined
  if (mark !== undefined && isWhole) rmSync(mark, { force: true })
  const before = done === 0 ? '' : `; ${done} were imported before`
  output.note(`imported ${sent} messages to ${name}${before}`)
  return stop.signal.aborted ? exitCodes.interrupted : exitCodes.ok
}

type SendAll = (send: (lines: readonly MessageLine[]) => Promise<void>) => Promise<void>

function markOf(file: string, queue: string): string {
  return `${file}.${queue.replace(/[^\w.-]/g, '_')}.imported`
}

function linesDone(mark: string): number {
  if (!existsSync(mark)) return 0
  const count = Number(readFileSync(mark, 'utf8'))
  return Number.isSafeInteger(count) ? count : 0
}

async function* readBatches(
  file: string | undefined,
  skip: number,
  limit = Number.POSITIVE_INFINITY,
  isOver: () => boolean,
): AsyncGenerator<readonly MessageLine[]> {
  const input = file === undefined ? process.stdin : createReadStream(file)
  let batch: MessageLine[] = []
  let characters = 0
  let number = 0
  for await (const text of createInterface({ input })) {
    if (++number <= skip || text.trim() === '') continue
    if (number - skip > limit || isOver()) break
    batch.push(parseLine(text, number))
    characters += text.length
    if (batch.length < batchCount && characters < batchCharacters) continue
    yield batch
    batch = []
    characters = 0
  }
  if (batch.length > 0 && !isOver()) yield batch
}

async function toAdmin(name: string, { url, create }: Settings, sendAll: SendAll): Promise<void> {
  const client = adminClient(url)
  if (create) {
    const { createQueue } = await import('./send.ts')
    await createQueue(client, name)
  }
  await sendAll(async lines => {
    const messages = lines.map(({ body, encoding, key, priority }) => ({
      body,
      ...(encoding === undefined ? {} : { encoding }),
      ...(key === undefined ? {} : { key }),
      ...(priority === undefined ? {} : { priority }),
    }))
    await client.call('POST', queuePath(name, '/messages'), { messages })
  })
}

async function toBackend(name: string, { url, keyed }: Settings, sendAll: SendAll): Promise<void> {
  await withBus(url, {}, async bus => {
    const session = Bus.sessionOf(bus)
    const isTopic = name.startsWith('topic:')
    const contract = isTopic ? topicNamed(name.slice('topic:'.length)) : queueNamed(name, { keyed })
    const endpoint = endpointOf(contract)
    await bus.adopt(contract)
    await sendAll(async lines => {
      const outgoing = lines.map(line => outgoingOf(line, endpoint))
      receiptsOf(outgoing, await session.send(outgoing))
    })
  })
}

/** With its id, so that whoever sees it twice can tell. */
function outgoingOf(line: MessageLine, to: Endpoint): Outgoing {
  const { id, key, headers = {}, priority = 0 } = line
  const isTyped = headers[headerNames.contentType] !== undefined
  const all = {
    ...headers,
    ...(isTyped ? {} : { [headerNames.contentType]: typeOf(line) }),
    ...(id === '' ? {} : { [headerNames.id]: headers[headerNames.id] ?? id }),
  }
  return {
    ...plainOutgoing,
    to,
    id: all[headerNames.id] ?? id,
    key,
    priority,
    headers: all,
    body: bytesOf(line),
  }
}

function typeOf({ body, encoding }: MessageLine): string {
  if (encoding === 'base64') return 'application/octet-stream'
  try {
    JSON.parse(body)
    return 'application/json'
  } catch {
    return 'text/plain; charset=utf-8'
  }
}
