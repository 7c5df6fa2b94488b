/** `spillway send QUEUE [BODY]`: from the command line, standard input, or its lines. */

import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import type { SendMessage, SendResponse } from '../admin/contract.ts'
import { type AdminClient, adminClient, queuePath } from './client.ts'
import { CommandFailure, usageFailure } from './failure.ts'
import type { Command } from './main.ts'
import type { Settings } from './options.ts'

const batchCount = 500
const batchCharacters = 4 * 1024 * 1024

export const send: Command = async ({ settings, words, output }) => {
  const [queue, body, rest] = words
  if (queue === undefined) throw usageFailure('send needs the name of a queue.')
  if (rest !== undefined) throw usageFailure('send takes one body; put it into quotes.')
  if (body !== undefined && settings.lines) {
    throw usageFailure('--lines reads standard input; leave BODY out.')
  }
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

async function createQueue(client: AdminClient, queue: string): Promise<void> {
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
