/**
 * The order story with live output: `npm run demo`.
 *
 * A shop takes orders over HTTP; five services follow. There is a spike, a slow service, one that
 * is closed, a payment gateway that often fails, services that crash, and a poisoned order; and at
 * the end a ledger that says whether every order was settled, and none was paid twice.
 *
 *     npm run demo                                  on the embedded broker, in memory
 *     SPILLWAY_URL=file:./shop-data npm run demo     on the disk
 *     SPILLWAY_URL=amqp://localhost npm run demo     on a broker: services are processes, and killed
 *     DATABASE_URL=postgres://… npm run demo         with orders and effects in PostgreSQL
 *     npm run demo -- --quick                        a tenth of the orders; --scale=0.03 is fewer
 */

import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { connect, UnsupportedError } from 'spillway'
import { openBooks } from './books.mjs'
import * as contracts from './contracts.mjs'
import { startServices } from './services.mjs'
import { openShop } from './shop.mjs'

const scale = process.argv.find(word => word.startsWith('--scale='))?.slice('--scale='.length)
const times = scale ? Number(scale) : process.argv.includes('--quick') ? 0.1 : 1
const run = Date.now().toString(36)

const url = process.env.SPILLWAY_URL ?? 'memory:'
const bus = await connect(url, { name: 'shop', emulate: 'allow' })
await bus.prepare(...Object.values(contracts.all))
const books = await openBooks(bus, run)
const lettersBefore = await countLetters()
const shop = await openShop(books)
const services = await startServices(bus, books)
console.log(`${bus.backend}. ${books.where}\n${services.how}\n`)
const agent = new Agent({ keepAlive: true, maxSockets: 64 })
const latencies = []
let placed = 0
let chapter = ''

/** A customer: puts an order into the shop and waits for its answer. */
async function order(total = 1000 + Math.floor(Math.random() * 9000)) {
  const id = `${run}-${++placed}`
  const body = JSON.stringify({ id, customer: `customer-${placed % 50}`, total })
  const startedAt = performance.now()
  for (let tries = 1; ; tries++) {
    try {
      return await post(body, startedAt)
    } catch (error) {
      // A connection that the shop was about to close, or a broker that did not confirm in time.
      // With its id it is the same order again.
      const isPassing = error.code === 'ECONNRESET' || error.status === 503
      if (!isPassing || tries === 5) throw error
      await pause(200 * tries)
    }
  }
}

function post(body, startedAt) {
  return new Promise((resolve, reject) => {
    const target = { agent, host: '127.0.0.1', port: shop.port, path: '/orders', method: 'POST' }
    const sent = request(target, answer => {
      answer.resume()
      answer.on('end', () => {
        latencies.push(performance.now() - startedAt)
        if (answer.statusCode === 202) resolve()
        else {
          const { statusCode: status } = answer
          reject(Object.assign(new Error(`the shop answered ${status}`), { status }))
        }
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

async function orders(count, perSecond) {
  const total = Math.max(1, Math.round(count * times))
  const all = []
  const startedAt = performance.now()
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.ceil(((performance.now() - startedAt) / 1000) * perSecond))
    for (; sent < due; sent++) all.push(order())
    await pause(10)
  }
  await Promise.all(all)
}

/** Until every service has done its part of every order; or nothing has happened for a minute. */
async function untilDone() {
  let last = ''
  let since = performance.now()
  while (performance.now() - since < 60_000) {
    const done = await books.done()
    const isDone = services.names.every(
      name => (done[name] ?? 0) >= placed - (name === 'payments' ? 1 : 0),
    )
    if (isDone && (await countLetters()) - lettersBefore >= 1) return
    const now = JSON.stringify(done)
    if (now !== last) since = performance.now()
    last = now
    await pause(50)
  }
}

async function countLetters() {
  const counts = Object.values(contracts.all).map(contract => bus.dlq(contract).count())
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
}

// What is seen meanwhile.

const isTerminal = process.stdout.isTTY === true
let drawn = 0

async function draw() {
  const done = await books.done()
  const rows = await Promise.all(
    Object.entries(contracts.all).map(async ([name, contract]) => {
      const { ready, leased, delayed } = await bus.depth(contract)
      const bar = '█'.repeat(Math.min(40, Math.ceil((ready + leased + delayed) / (50 * times))))
      const counts = [done[name] ?? 0, ready, leased, delayed]
      return `  ${name.padEnd(11)}${counts.map(count => String(count).padStart(8)).join('')}  ${bar}`
    }),
  )
  const head = `  ${'service'.padEnd(11)}${['done', 'ready', 'in hand', 'delayed'].map(text => text.padStart(8)).join('')}`
  const wait = latencies.slice(-500).sort((left, right) => left - right)
  const p99 = (wait[Math.floor(wait.length * 0.99)] ?? 0).toFixed(1)
  const lines = [chapter, head, ...rows, `  ${placed} orders; 99 of 100 customers waited ${p99} ms`]
  if (isTerminal && drawn > 0) process.stdout.write(`\x1b[${drawn}A\x1b[J`)
  drawn = lines.length
  console.log(lines.join('\n'))
}

let isOver = false
const drawing = (async () => {
  while (!isOver) {
    await draw()
    await pause(isTerminal ? 200 : 1000)
  }
})()

async function scene(title, play) {
  chapter = title
  await play()
}

// The story.

await scene('A quiet morning: 100 orders a second.', () => orders(200, 100))
await scene('The spike: a hundred times as many.', () => orders(5000, 10_000))
await scene('E-mail is slow, 100 ms each. Nobody waits for it.', async () => {
  services.change({ mailMs: 100 })
  await orders(300, 300)
  services.change({ mailMs: 1 })
})
await scene('The warehouse is closed. Its orders wait for it.', async () => {
  services.change({ isWarehouseDown: true })
  await orders(300, 300)
  await pause(2000 * times)
  services.change({ isWarehouseDown: false })
})
await scene('Every fifth payment fails, and one order is poisoned.', async () => {
  services.change({ gatewayFails: 0.2 })
  await order(-1)
  await orders(300, 300)
  services.change({ gatewayFails: 0 })
})
await scene('Services crash at random, with orders in their hands.', async () => {
  const traffic = orders(600, 600)
  for (let round = times < 0.1 ? 6 : 0; round < 10; round++) {
    await services.crash(services.names[Math.floor(Math.random() * services.names.length)])
    await pause(100 * times)
  }
  await traffic
})
await scene('What is left is worked off.', untilDone)
isOver = true
await drawing
await draw()

// The end.

/** How many are of this run: an earlier one that was killed may have left orders behind. */
async function showLetters() {
  let count = 0
  for (const contract of Object.values(contracts.all)) {
    try {
      for await (const { body, error, attempt } of bus.dlq(contract).peek({ limit: 10_000 })) {
        if (!body.id.startsWith(`${run}-`)) continue
        count++
        console.log(`\nDead letter: order ${body.id}, at attempt ${attempt}: ${error.message}`)
      }
    } catch (error) {
      // Where nobody can look without taking, all are counted.
      if (!(error instanceof UnsupportedError)) throw error
      return (await countLetters()) - lettersBefore
    }
  }
  return count
}

const letters = await showLetters()
const ledger = await books.ledger()
const wrong = ledger.faults(services.names, letters, books)
const repeats = books.isExact
  ? 'no effect was written twice'
  : `${ledger.repeats} came twice and had one effect`
console.log(
  wrong.length > 0
    ? `\nThe books do NOT balance:\n  ${wrong.join('\n  ')}`
    : `\nThe books balance: ${ledger.orders.size} orders, all settled; ${repeats}.`,
)
await services.stop()
await shop.close()
agent.destroy()
await bus.close()
await books.close()
process.exitCode = wrong.length > 0 ? 1 : 0
