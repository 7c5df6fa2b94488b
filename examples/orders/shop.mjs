/**
 * The front of the shop: `POST /orders` takes an order, keeps it together with the five messages
 * that must follow it, and answers. How long a customer waits has nothing to do with how long
 * e-mails take.
 */

import { createServer } from 'node:http'

/** @returns the server's port, and a way to stop it */
export async function openShop(books) {
  const server = createServer((request, response) => {
    const chunks = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', async () => {
      try {
        const order = JSON.parse(Buffer.concat(chunks).toString())
        await books.place(order)
        response.writeHead(202, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ id: order.id }))
      } catch (error) {
        response.writeHead(503, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ error: String(error) }))
      }
    })
  })
  // A connection that a customer is about to use again must not be closed meanwhile.
  server.keepAliveTimeout = 120_000
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: server.address().port,
    close: () => new Promise(resolve => server.close(resolve)),
  }
}
