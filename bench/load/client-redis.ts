/**
 * Redis' npm client alone, with what the driver does for a message, too: an id in a field of its
 * own, and each message acknowledged and deleted once it is handled.
 */

import { randomUUID } from 'node:crypto'
import { createClient } from '@redis/client'
import { type Body, type Side, windowCount } from './client.ts'

const group = 'bare'

export async function openBareRedis(url: string, queue: string): Promise<Side> {
  const client = createClient({ url })
  const reader = createClient({ url })
  await client.connect()
  await reader.connect()
  await client.xGroupCreate(queue, group, '0', { MKSTREAM: true })
  const handle = async (id: string, text: string): Promise<void> => {
    if ((JSON.parse(text) as Body).n === undefined) throw new Error('no body')
    await client.multi().xAck(queue, group, id).xDel(queue, id).exec()
  }
  return {
    send: body =>
      client.xAdd(queue, '*', { body: JSON.stringify(body), 'spillway-id': randomUUID() }),
    consume: async count => {
      const handling = new Set<Promise<void>>()
      for (let handled = 0; handled < count; ) {
        const options = { COUNT: windowCount, BLOCK: 1000 }
        const streams = { key: queue, id: '>' }
        const reply = await reader.xReadGroup(group, 'bare', streams, options)
        for (const { id, message } of (reply as Reply)?.[0]?.messages ?? []) {
          handled++
          const one = handle(id, message['body'] ?? '')
          handling.add(one)
          void one.then(() => handling.delete(one))
        }
        // As many may be under way as the driver's credit lets be.
        if (handling.size > windowCount) await Promise.race(handling)
      }
      await Promise.all(handling)
    },
    close: async () => {
      await client.del(queue)
      reader.destroy()
      client.destroy()
    },
  }
}

type Reply =
  | readonly {
      readonly messages: readonly {
        readonly id: string
        readonly message: { readonly [field: string]: string }
      }[]
    }[]
  | null
