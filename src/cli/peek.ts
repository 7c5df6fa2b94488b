/** `spillway peek QUEUE`: looks at messages; nothing changes for anybody. */

import type { Message } from '../admin/contract.ts'
import { adminClient, onlyQueue, queuePath } from './client.ts'
import type { Command } from './main.ts'
import { type Column, oneLine, table } from './output.ts'

/** Of a body that is no text, so many characters of base64 are shown. */
const binaryShown = 60

export const peek: Command = async ({ settings, words, output }) => {
  const queue = onlyQueue('peek', words)
  const query = new URLSearchParams({
    count: String(settings.count ?? 10),
    skip: String(settings.skip),
  })
  const { messages } = await adminClient(settings.url).call<{ messages: Message[] }>(
    'GET',
    queuePath(queue, `/peek?${query}`),
  )
  if (settings.json) {
    for (const message of messages) output.json(message)
    return 0
  }
  if (messages.length === 0) {
    output.note(`No message is ready in ${queue}.`)
    return 0
  }
  const columns: Column<Message>[] = [
    { title: 'position', align: 'right', cell: message => String(message.position) },
    { title: 'time', cell: message => new Date(message.time).toISOString() },
    { title: 'key', cell: message => oneLine(message.key, 30) || '-' },
    { title: 'bytes', align: 'right', cell: message => String(message.body.bytes) },
    { title: 'body', cell: message => showBody(message, Math.max(20, output.columns - 70)) },
  ]
  for (const line of table(columns, messages)) output.data(line)
  return 0
}

function showBody({ body }: Message, length: number): string {
  if (body.encoding === 'text') return oneLine(body.data, length)
  return `base64:${oneLine(body.data, Math.min(binaryShown, length - 7))}`
}
