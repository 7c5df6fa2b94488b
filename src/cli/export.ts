/**
 * `spillway export QUEUE [FILE]`: the messages of a queue, or with `topic:NAME` the events of a
 * topic, as lines of JSON. Nothing is taken. With FILE, what an earlier, cut-off export has written
 * stays, and only what is not in it is added.
 */

import { appendFileSync } from 'node:fs'
import type { Browse, QueueDetail } from '../admin/contract.ts'
import { Bus } from '../client/bus.ts'
import type { Stored } from '../client/driver.ts'
import { endpointOf } from '../client/endpoints.ts'
import { isClientUrl, queueNamed, topicNamed, withBus } from './bus.ts'
import { adminClient, queuePath } from './client.ts'
import { exitCodes, usageFailure } from './failure.ts'
import type { Command } from './main.ts'
import { bodyOf, exportedBefore, type MessageLine } from './message-lines.ts'
import type { Settings } from './options.ts'
import { progress } from './progress.ts'

/** A look at a queue of a backend is one answer. */
const lookCountMax = 100_000
const pageCount = 500
const bodyBytesMax = 64 * 1024 * 1024

export const exportMessages: Command = async ({ settings, words, output }) => {
  const [name, file, rest] = words
  if (name === undefined) throw usageFailure('export needs a queue, or topic:NAME.')
  if (rest !== undefined)
    throw usageFailure(`export takes a queue and a file; “${rest}” is too much.`)
  const before = file === undefined ? new Set<string>() : await exportedBefore(file)
  const stop = new AbortController()
  const onInterrupt = (): void => stop.abort()
  process.once('SIGINT', onInterrupt)
  const wanted = settings.count ?? Number.POSITIVE_INFINITY
  let count = 0
  let bar = progress(output, { label: 'exported', total: settings.count })
  const write = (line: MessageLine): boolean => {
    if (stop.signal.aborted || count >= wanted) return false
    if (before.has(line.position)) return true
    const text = JSON.stringify(line)
    if (file === undefined) output.data(text)
    else appendFileSync(file, `${text}\n`)
    bar.update(++count)
    return true
  }
  const expect = (total: number): void => {
    bar = progress(output, { label: 'exported', total: Math.min(total - before.size, wanted) })
  }
  try {
    if (isClientUrl(settings.url)) await fromBackend(name, settings, write, stop.signal)
    else await fromAdmin(name, settings, write, expect)
  } finally {
    process.removeListener('SIGINT', onInterrupt)
    bar.end()
  }
  const known = before.size === 0 ? '' : `; ${before.size} were in ${file} already`
  output.note(`exported ${count} messages of ${name}${known}`)
  return stop.signal.aborted ? exitCodes.interrupted : exitCodes.ok
}

type Write = (line: MessageLine) => boolean

async function fromAdmin(
  name: string,
  { url }: Settings,
  write: Write,
  expect: (total: number) => void,
): Promise<void> {
  const client = adminClient(url)
  expect((await client.call<QueueDetail>('GET', queuePath(name))).messages)
  let cursor: number | null = null
  do {
    const query = `limit=${pageCount}&bytes=${bodyBytesMax}${cursor === null ? '' : `&cursor=${cursor}`}`
    const page: Browse = await client.call('GET', queuePath(name, `/messages?${query}`))
    for (const message of page.messages) {
      const { position, index, id, time, key, priority, properties, body } = message
      const line: MessageLine = {
        position: index === 0 ? String(position) : `${position}.${index}`,
        id,
        time: new Date(time).toISOString(),
        ...(key === '' ? {} : { key }),
        ...(priority === 0 ? {} : { priority }),
        ...headersOf(properties),
        body: body.data,
        ...(body.encoding === 'base64' ? { encoding: 'base64' } : {}),
      }
      if (!write(line)) return
    }
    cursor = page.cursor
  } while (cursor !== null)
}

/** The properties as one header: what they mean is their protocol's. */
function headersOf(properties: unknown): Pick<MessageLine, 'headers'> {
  return properties === null ? {} : { headers: { properties: JSON.stringify(properties) } }
}

async function fromBackend(
  word: string,
  { url, count, keyed }: Settings,
  write: Write,
  signal: AbortSignal,
): Promise<void> {
  await withBus(url, {}, async bus => {
    const session = Bus.sessionOf(bus)
    if (word.startsWith('topic:')) {
      const endpoint = endpointOf(topicNamed(word.slice('topic:'.length)))
      await session.driver.depth(endpoint)
      await session.adopt(endpoint)
      session.require('history', endpoint)
      const options = { from: 'earliest', to: 'latest', signal } as const
      for await (const stored of session.driver.read(endpoint, options)) {
        if (!write(lineOf(stored))) return
      }
      return
    }
    const endpoint = endpointOf(queueNamed(word, { keyed }))
    // Not there: the driver says so, and nothing is made.
    await session.driver.depth(endpoint)
    await session.adopt(endpoint)
    session.require('peek', endpoint)
    const countMax = count ?? lookCountMax
    for (const stored of await session.driver.peek(endpoint, { countMax })) {
      if (!write(lineOf(stored))) return
    }
  })
}

function lineOf({ position, id, time, key, headers, body }: Stored): MessageLine {
  return {
    position,
    id,
    time: new Date(time).toISOString(),
    ...(key === undefined ? {} : { key }),
    headers,
    ...bodyOf(body),
  }
}
