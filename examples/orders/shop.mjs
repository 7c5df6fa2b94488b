/**
 * The front of the shop: `POST /orders` takes an order, hands it to five queues in one step, and
 * answers. How long a customer waits has nothing to do with how long e-mails take.
 */

import { createServer } from 'node:http'
import * as contracts from './contracts.mjs'

/** @returns the server's port, and a way to stop it */
export async function openShop(bus, ledger) {
  const place = async order => {
    const targets = Object.values(contracts.all)
    if (canSendTogether) {
      await bus.transaction(async tx => {
        for (const target of targets) await tx.send(target, order)
      })
    } else {
      // Without transactions each send is confirmed by itself. A crash in between leaves an order
      // that some services know; an outbox in the shop's own database closes that gap.
      await Promise.all(targets.map(target => bus.send(target, order)))
    }
    ledger.ordered(order)
  }
  const plan = await bus.plan(...Object.values(contracts.all))
  const canSendTogether = plan.every(
    ({ feature, how }) => feature !== 'transaction' || how === 'native',
  )
  const server = createServer((request, response) => {
    const chunks = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', async () => {
      try {
        const order = JSON.parse(Buffer.concat(chunks).toString())
        await place(order)
        response.writeHead(202, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ id: order.id }))
      } catch (error) {
        response.writeHead(503, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ error: String(error) }))
      }
    })
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: server.address().port,
    close: () => new Promise(resolve => server.close(resolve)),
  }
}
