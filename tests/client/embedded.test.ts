/** The client on the embedded engine: what no other backend can show. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connect, queue } from '../../src/client/client.ts'

describe('the embedded driver', () => {
  it('carries a message from send to handler, and forgets it', async () => {
    const orders = queue<{ id: string }>('orders')
    await using bus = await connect('memory:')
    const got = await new Promise<string>((resolve, reject) => {
      const worker = bus.consume(orders, order => resolve(order.id))
      worker.ended.catch(reject)
      bus.send(orders, { id: 'o-1' }).catch(reject)
    })
    assert.equal(got, 'o-1')
  })
})
