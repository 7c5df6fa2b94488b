/** Performs a scenario on a broker and writes down what the broker said, without what is random. */

import type { Fields } from '../harness/amqp-codec.ts'
import { type Address, type Arrival, RawClient } from '../harness/raw-client.ts'
import { within } from '../harness/wait.ts'
import { describeStep, type Scenario, type Step } from './script.ts'

/** One line for each thing that the broker said. */
export interface Exchange {
  readonly sent: string
  readonly answers: readonly string[]
}

export async function perform(scenario: Scenario, address: Address): Promise<Exchange[]> {
  const clients = new Map<string, RawClient>()
  const exchanges: Exchange[] = []
  for (const step of scenario.steps) {
    let client = clients.get(step.on)
    if (client === undefined) {
      client = await connect(scenario, address)
      clients.set(step.on, client)
    }
    act(client, step)
    const answers: string[] = []
    for (let count = 0; count < step.answers; count++) answers.push(await hear(client))
    exchanges.push({ sent: describeStep(step), answers })
  }
  for (const client of clients.values()) client.cut()
  return exchanges
}

async function connect(scenario: Scenario, address: Address): Promise<RawClient> {
  if (!scenario.opened) return await RawClient.connect(address)
  const client = await RawClient.open(address)
  await client.call(1, 'channel.open')
  return client
}

function act(client: RawClient, { action }: Step): void {
  switch (action.kind) {
    case 'method':
      client.method(action.channel, action.name, action.fields)
      return
    case 'publish': {
      const { channel, fields, properties, body } = action
      client.publish(channel, fields, Buffer.from(body), properties)
      return
    }
    case 'bytes':
      client.send(Buffer.from(action.hex.replaceAll(' ', ''), 'hex'))
      return
    case 'greet':
      client.startOk(action)
      return
  }
}

const silenceMs = 8000

async function hear(client: RawClient): Promise<string> {
  try {
    return normalise(describe(await within('an answer', client.next(), silenceMs)))
  } catch {
    return 'nothing'
  }
}

function describe(arrival: Arrival): string {
  switch (arrival.kind) {
    case 'method': {
      const fields = arrival.name === 'connection.start' ? greeting(arrival.fields) : arrival.fields
      return `${arrival.channel} ${arrival.name} ${JSON.stringify(readable(fields))}`
    }
    case 'header':
      return `${arrival.channel} header ${arrival.size} ${JSON.stringify(readable(arrival.properties))}`
    case 'body':
      return `${arrival.channel} body ${JSON.stringify(arrival.bytes.toString())}`
    case 'heartbeat':
      return 'heartbeat'
    case 'protocol-header':
      return `protocol header ${arrival.bytes.toString('hex')}`
    case 'closed':
      return 'closed'
  }
}

/** Of the greeting only what clients act on. */
function greeting(fields: Fields): Fields {
  const properties = fields['serverProperties'] as Fields
  return {
    ...fields,
    serverProperties: { product: properties['product'], capabilities: properties['capabilities'] },
    // Since RabbitMQ 4 there is also ANONYMOUS.
    mechanisms: String(fields['mechanisms']).replace(' ANONYMOUS', '').split(' ').sort().join(' '),
  }
}

/** Names in order, bytes as text, so that equal things read the same. */
function readable(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString()
  if (Array.isArray(value)) return value.map(readable)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, each]) => [key, readable(each)]))
}

function normalise(line: string): string {
  return line
    .replace(/amq\.(gen|ctag)-[\w-]{22}/g, 'amq.$1-…')
    .replace(/amq\.rabbitmq\.reply-to\.[\w.+/=-]+/g, 'amq.rabbitmq.reply-to.…')
    .replace(/"!":"timestamp","value":\d+/g, '"!":"timestamp","value":"…"')
}
