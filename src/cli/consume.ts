/**
 * `spillway consume QUEUE`: leases messages, prints each, and settles them once they are printed:
 * at least once. What was leased and not printed goes back at an interruption.
 */

import type { LeaseResponse, Message } from '../admin/contract.ts'
import { isClientUrl, queueNamed, withBus } from './bus.ts'
import { type AdminClient, adminClient, onlyQueue, queuePath } from './client.ts'
import { exitCodes } from './failure.ts'
import type { Command } from './main.ts'
import type { Settings } from './options.ts'
import { type Output, oneLine } from './output.ts'

const batchCount = 100
const waitMsMax = 20_000

export const consume: Command = async ({ settings, words, output }) => {
  const queue = onlyQueue('consume', words)
  if (isClientUrl(settings.url)) return consumeFromBus(queue, settings, output)
  const client = adminClient(settings.url)
  const wanted = settings.count ?? Number.POSITIVE_INFINITY
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())

  let count = 0
  let idleMs = 0
  let holder: string | undefined
  while (count < wanted && !stop.signal.aborted) {
    const waitMs = Math.min(waitMsMax, (settings.timeout ?? waitMsMax * 2) - idleMs)
    const request = { holder, count: Math.min(batchCount, wanted - count), waitMs }
    const answer = await lease(client, queue, request, stop.signal)
    if (answer === undefined) break
    holder = answer.holder
    if (answer.messages.length === 0) {
      idleMs += waitMs
      if (settings.timeout !== undefined && idleMs >= settings.timeout) break
      continue
    }
    idleMs = 0
    count += await printAndSettle(client, queue, answer, output, settings.json, stop.signal)
  }
  output.note(`consumed ${count} ${count === 1 ? 'message' : 'messages'} from ${queue}`)
  if (stop.signal.aborted) return exitCodes.interrupted
  return settings.count !== undefined && count < wanted ? exitCodes.timeout : exitCodes.ok
}

async function lease(
  client: AdminClient,
  queue: string,
  request: { readonly waitMs: number },
  signal: AbortSignal,
): Promise<LeaseResponse | undefined> {
  try {
    return await client.call<LeaseResponse>('POST', queuePath(queue, '/lease'), request, signal)
  } catch (error) {
    if (signal.aborted) return undefined
    throw error
  }
}

async function printAndSettle(
  client: AdminClient,
  queue: string,
  { holder, messages }: LeaseResponse,
  output: Output,
  json: boolean,
  signal: AbortSignal,
): Promise<number> {
  const path = queuePath(queue, '/settle')
  const printed: number[] = []
  const left: number[] = []
  for (const message of messages) {
    if (signal.aborted) {
      left.push(message.position)
      continue
    }
    if (json) output.json(message)
    else output.data(bodyLine(message))
    printed.push(message.position)
  }
  if (printed.length > 0) {
    await client.call('POST', path, { holder, positions: printed, as: 'done' })
  }
  if (left.length > 0) await client.call('POST', path, { holder, positions: left, as: 'return' })
  return printed.length
}

/** On a terminal, control characters are escaped; into a pipe, the text goes as it is. */
function bodyLine({ body }: Message): string {
  if (body.encoding === 'text' && process.stdout.isTTY) {
    return oneLine(body.data, Number.POSITIVE_INFINITY)
  }
  return body.data
}

/** The same through the client: each message is settled when it has been printed. */
async function consumeFromBus(name: string, settings: Settings, output: Output): Promise<number> {
  const wanted = settings.count ?? Number.POSITIVE_INFINITY
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  let count = 0
  let isLate = false
  await withBus(settings.url, {}, async bus => {
    const queue = queueNamed(name, { keyed: settings.keyed })
    await bus.adopt(queue, { create: false })
    const idle = new AbortController()
    const signal = AbortSignal.any([stop.signal, idle.signal])
    let timer: NodeJS.Timeout | undefined
    const wait = (): void => {
      clearTimeout(timer)
      if (settings.timeout === undefined) return
      timer = setTimeout(() => idle.abort(), settings.timeout)
    }
    wait()
    for await (const message of bus.messages(queue, { signal })) {
      const { id, body, key, headers, attempt } = message
      if (settings.json) output.json({ id, key, body, headers, attempt })
      else output.data(typeof body === 'string' ? body : JSON.stringify(body))
      await message.ack()
      wait()
      if (++count >= wanted) break
    }
    clearTimeout(timer)
    isLate = idle.signal.aborted
  })
  output.note(`consumed ${count} ${count === 1 ? 'message' : 'messages'} from ${name}`)
  if (stop.signal.aborted) return exitCodes.interrupted
  return isLate && settings.count !== undefined ? exitCodes.timeout : exitCodes.ok
}
