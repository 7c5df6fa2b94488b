/**
 * `spillway tail NAME`: shows messages as they come, without taking them: the events of a topic on
 * any backend that keeps a history, what arrives in a queue of the broker (`--url http:`), or, with
 * `--queue`, what can be seen waiting in a queue of any backend that can be looked into.
 */

import { setTimeout as wait } from 'node:timers/promises'
import type { Message, Tail } from '../admin/contract.ts'
import type { Bus, Event, ReadOptions } from '../client/client.ts'
import { isClientUrl, queueNamed, topicNamed, withBus } from './bus.ts'
import { adminClient, adminStream, onlyQueue, queuePath } from './client.ts'
import { exitCodes } from './failure.ts'
import type { Command } from './main.ts'
import type { Settings } from './options.ts'
import { type Output, oneLine } from './output.ts'

/** How often a queue is looked into, and how far. */
const lookEveryMs = 250
const lookCountMax = 1000

export const tail: Command = async ({ settings, words, output }) => {
  const name = onlyQueue('tail', words, 'topic or queue')
  const { count: wanted = Number.POSITIVE_INFINITY, timeout } = settings
  // Runs from when it looks, not from when it connects.
  const stop = new AbortController()
  const idle = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const signal = AbortSignal.any([stop.signal, idle.signal])
  let timer: NodeJS.Timeout | undefined
  const begin = (): void => {
    clearTimeout(timer)
    if (timeout !== undefined) timer = setTimeout(() => idle.abort(), timeout)
  }
  let count = 0
  try {
    const lines = isClientUrl(settings.url)
      ? fromBackend(name, settings, output, { signal, begin })
      : fromAdmin(name, settings, output, { signal, begin })
    for await (const line of lines) {
      if (settings.json) output.json(line.json)
      else output.data(line.text)
      begin()
      if (++count >= wanted) break
    }
  } finally {
    clearTimeout(timer)
  }
  if (stop.signal.aborted) return exitCodes.interrupted
  return idle.signal.aborted && settings.count !== undefined ? exitCodes.timeout : exitCodes.ok
}

interface Line {
  readonly text: string
  readonly json: unknown
}

/** Buses close when the reading ends, so it goes through a list that the bus's life fills. */
async function* fromBackend(
  name: string,
  settings: Settings,
  output: Output,
  { signal, begin }: Looking,
): AsyncGenerator<Line> {
  const lines: Line[] = []
  const end = new AbortController()
  const until = AbortSignal.any([signal, end.signal])
  let wake = (): void => {}
  let isOver = false
  const add = (event: Event<unknown>): void => {
    lines.push(lineOf(event, output))
    wake()
  }
  const watch = { add, signal: until, begin }
  const running = withBus(settings.url, {}, bus =>
    settings.queue ? watchQueue(bus, name, output, watch) : readTopic(bus, name, settings, watch),
  ).finally(() => {
    isOver = true
    wake()
  })
  // It is awaited below; until then nobody may call it unhandled.
  running.catch(() => {})
  try {
    while (true) {
      const line = lines.shift()
      if (line !== undefined) yield line
      else if (isOver) break
      else
        await new Promise<void>(resolve => {
          wake = resolve
        })
    }
  } finally {
    end.abort()
    await running
  }
}

interface Looking {
  readonly signal: AbortSignal
  /** It looks from now on. */
  readonly begin: () => void
}

interface Watch extends Looking {
  readonly add: (event: Event<unknown>) => void
}

async function readTopic(
  bus: Bus,
  name: string,
  { since }: Settings,
  { add, signal, begin }: Watch,
): Promise<void> {
  const topic = topicNamed(name)
  await bus.adopt(topic, { create: false })
  begin()
  const from: ReadOptions['from'] = since === undefined ? 'latest' : { timestamp: since }
  for await (const event of bus.read(topic, { from, to: 'forever', signal })) add(event)
}

/** What waits is looked at again and again; what was there at the beginning is passed over. */
async function watchQueue(
  bus: Bus,
  name: string,
  output: Output,
  { add, signal, begin }: Watch,
): Promise<void> {
  const queue = queueNamed(name, { keyed: false })
  await bus.adopt(queue, { create: false })
  begin()
  output.note(
    `looking at the first ${lookCountMax} that wait in ${name}, four times a second: what is ` +
      'consumed at once is not seen',
  )
  let seen: Set<string> | undefined
  while (!signal.aborted) {
    const events = await bus.peek(queue, { limit: lookCountMax })
    if (seen !== undefined) for (const event of events) if (!seen.has(event.position)) add(event)
    seen = new Set(events.map(({ position }) => position))
    await wait(lookEveryMs, undefined, { signal }).catch(() => {})
  }
}

function lineOf({ id, key, body, headers, time, position }: Event<unknown>, output: Output): Line {
  const text = typeof body === 'string' ? body : bodyText(body)
  return {
    text: `${prefixOf(time, key, output)}${onTerminal(text)}`,
    json: { id, position, time: new Date(time).toISOString(), key, body, headers },
  }
}

function bodyText(body: unknown): string {
  return body instanceof Uint8Array ? Buffer.from(body).toString('base64') : JSON.stringify(body)
}

/** The broker's own stream of events, which the studio shows, too. */
async function* fromAdmin(
  name: string,
  settings: Settings,
  output: Output,
  { signal, begin }: Looking,
): AsyncGenerator<Line> {
  // A name that is wrong is told at once; the stream would wait for it.
  await adminClient(settings.url).call('GET', queuePath(name), undefined, signal)
  begin()
  const path = `/api/events?tail=${encodeURIComponent(name)}`
  for await (const { event, data } of adminStream(settings.url, path, signal)) {
    if (event !== 'tail') continue
    const { messages, skipped } = JSON.parse(data) as Tail
    for (const message of messages) {
      yield { text: adminText(message, output), json: message }
    }
    if (skipped > 0) output.note(`${skipped} more came, and are not shown`)
  }
}

function adminText({ body, key, time }: Message, output: Output): string {
  return `${prefixOf(time, key === '' ? undefined : key, output)}${onTerminal(body.data)}`
}

/** On a terminal, when it came and with which key; into a pipe, bodies alone. */
function prefixOf(time: number, key: string | undefined, output: Output): string {
  if (!process.stdout.isTTY) return ''
  const when = new Date(time).toISOString().slice(11, 23)
  return output.paint('dim', key === undefined ? `${when}  ` : `${when}  ${oneLine(key, 40)}  `)
}

function onTerminal(text: string): string {
  return process.stdout.isTTY ? oneLine(text, Number.POSITIVE_INFINITY) : text
}
