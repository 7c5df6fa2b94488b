/** The load of the question `client`: the same messages, with the client and without it. */

export interface ClientLoad {
  readonly driver: 'kafka' | 'rabbitmq' | 'redis' | 'sqs'
  readonly url: string
  readonly how: 'client' | 'bare'
  readonly what: 'send' | 'consume'
  readonly messages: number
}

export interface ClientResult {
  /** Messages in a second. */
  readonly rate: number
  /** Microseconds of this process' processor time for each message. */
  readonly cost: number
}

/** Sends under way, or messages fetched ahead. */
export const windowCount = 200
/** Handlers that run at a time. */
export const concurrency = 64

export interface Body {
  readonly n: number
  readonly text: string
}

export function bodyOf(n: number): Body {
  return { n, text: 'x'.repeat(80) }
}

/** One side: it makes a queue, and sends into it and consumes it. */
export interface Side {
  send(body: Body): Promise<unknown>
  /** Resolves when so many have been handled. */
  consume(count: number): Promise<void>
  close(): Promise<void>
}

/** Keeps `windowCount` sends under way. */
export async function sendAll(side: Side, messages: number): Promise<void> {
  let next = 0
  const senders = Array.from({ length: windowCount }, async () => {
    while (next < messages) await side.send(bodyOf(next++))
  })
  await Promise.all(senders)
}
