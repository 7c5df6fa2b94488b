/** `spillway send QUEUE [BODY]`: from the command line, standard input, or its lines. */

import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import type { SendMessage, SendResponse } from '../admin/contract.ts'
import { queue as contractOf } from '../client/client.ts'
import { isClientUrl, withBus } from './bus.ts'
import { type AdminClient, adminClient, queuePath } from './client.ts'
import { CommandFailure, usageFailure } from './failure.ts'
import type { Command } from './main.ts'
import type { Settings } from './options.ts'
import type { Output } from './output.ts'

const batchCount = 500
const batchCharacters = 4 * 1024 * 1024

export const send: Command = async ({ settings, words, output }) => {
  const [queue, body, rest] = words
  if (queue === undefined) throw usageFailure('send needs the name of a queue.')
  if (rest !== undefined) throw usageFailure('send takes one body; put it into quotes.')
  if (body !== undefined && settings.lines) {
    throw usageFailure('--lines reads standard input; leave BODY out.')
  }
  if (isClientUrl(settings.url)) return sendToBus(queue, settings, body, output)
  const client = adminClient(settings.url)
  if (settings.create) await createQueue(client, queue)

  let sent = 0
  let batch: SendMessage[] = []
  let characters = 0
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return
    const request = { messages: batch }
    const path = queuePath(queue, '/messages')
    const { messages } = await client.call<SendResponse>('POST', path, request)
    sent += messages.length
    batch = []
    characters = 0
    if (settings.json) for (const message of messages) output.json(message)
  }
  for await (const message of readMessages(settings, body)) {
    batch.push(message)
    characters += message.body.length
    if (batch.length >= batchCount || characters >= batchCharacters) await flush()
  }
  await flush()
  output.note(`sent ${sent} ${sent === 1 ? 'message' : 'messages'} to ${queue}`)
  return 0
}

export async function createQueue(client: AdminClient, queue: string): Promise<void> {
  try {
    await client.call('PUT', queuePath(queue), {})
  } catch (error) {
    if (!(error instanceof CommandFailure) || error.code !== 'SPILLWAY_E_EXISTS') throw error
  }
}

async function* readMessages(
  settings: Settings,
  body: string | undefined,
): AsyncGenerator<SendMessage> {
  const { key, ttl, delay, priority } = settings
  const common = {
    ...(key === undefined ? {} : { key }),
    ...(ttl === undefined ? {} : { ttlMs: ttl }),
    ...(delay === undefined ? {} : { delayMs: delay }),
    ...(priority === undefined ? {} : { priority }),
  }
  if (settings.lines) {
    for await (const line of createInterface({ input: process.stdin })) {
      yield { ...common, body: line }
    }
    return
  }
  const content = body === undefined ? encode(await buffer(process.stdin)) : { body }
  for (let count = settings.count ?? 1; count > 0; count--) yield { ...common, ...content }
}

/** Bytes that are no text travel as base64, and arrive as they were. */
function encode(bytes: Buffer): Pick<SendMessage, 'body' | 'encoding'> {
  const text = bytes.toString('utf8')
  if (Buffer.from(text, 'utf8').equals(bytes)) return { body: text }
  return { body: bytes.toString('base64'), encoding: 'base64' }
}

/** The same through the client. A body that is JSON is sent as JSON, any other as text. */
async function sendToBus(
  name: string,
  settings: Settings,
  body: string | undefined,
  output: Output,
): Promise<number> {
  const { key, delay, ttl, priority, keyed } = settings
  const isKeyed = keyed || key !== undefined
  const levels = priority === undefined ? {} : { priorities: 256 }
  let sent = 0
  await withBus(settings.url, {}, async bus => {
    const queue = contractOf<unknown>(name, isKeyed ? { key: () => key ?? '' } : levels)
    await bus.adopt(queue, { create: settings.create })
    for await (const { body: text, encoding } of readMessages(settings, body)) {
      const bytes = Buffer.from(text, encoding === 'base64' ? 'base64' : 'utf8')
      const headers = { 'content-type': typeOf(text, encoding) }
      const options = { headers, delay, ttl, priority }
      const [receipt] = await bus.send(queue, new Uint8Array(bytes), options)
      sent++
      if (settings.json) output.json(receipt)
    }
  })
  output.note(`sent ${sent} ${sent === 1 ? 'message' : 'messages'} to ${name}`)
  return 0
}

function typeOf(text: string, encoding: SendMessage['encoding']): string {
  if (encoding === 'base64') return 'application/octet-stream'
  try {
    JSON.parse(text)
    return 'application/json'
  } catch {
    return 'text/plain; charset=utf-8'
  }
}
