/**
 * The order story with live output: `npm run demo`.
 *
 * A shop takes orders over HTTP; five services follow. There is a spike, a slow service, one that
 * is closed, a payment gateway that often fails, services that crash, and a poisoned order; and at
 * the end a ledger that says whether every order was settled, and none was paid twice.
 *
 *     npm run demo                                  on the embedded broker, in memory
 *     SPILLWAY_URL=file:./shop-data npm run demo     on the disk
 *     SPILLWAY_URL=amqp://localhost npm run demo     on a broker
 *     npm run demo -- --quick                        a tenth of the orders
 */

import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'spillway'
import * as contracts from './contracts.mjs'
import { Ledger } from './ledger.mjs'
import { faults, startServices } from './services.mjs'
import { openShop } from './shop.mjs'

const isQuick = process.argv.includes('--quick')
const times = isQuick ? 0.1 : 1
const run = Date.now().toString(36)

const bus = await connect(process.env.SPILLWAY_URL ?? 'memory:', { name: 'shop' })
const ledger = new Ledger()
await bus.prepare(...Object.values(contracts.all))
const shop = await openShop(bus, ledger)
const services = startServices(bus, ledger)
const agent = new Agent({ keepAlive: true, maxSockets: 64 })
const latencies = []
let placed = 0
let chapter = ''

/** A customer: puts an order into the shop and waits for its answer. */
function order(total = 1000 + Math.floor(Math.random() * 9000)) {
  const id = `${run}-${++placed}`
  const body = JSON.stringify({ id, customer: `customer-${placed % 50}`, total })
  const startedAt = performance.now()
  return new Promise((resolve, reject) => {
    const target = { agent, host: '127.0.0.1', port: shop.port, path: '/orders', method: 'POST' }
    const sent = request(target, answer => {
      answer.resume()
      answer.on('end', () => {
        latencies.push(performance.now() - startedAt)
        if (answer.statusCode === 202) resolve()
        else reject(new Error(`the shop answered ${answer.statusCode}`))
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

async function untilQuiet() {
  for (;;) {
    const depths = await Promise.all(
      Object.values(contracts.all).map(contract => bus.depth(contract)),
    )
    if (depths.every(({ ready, leased, delayed }) => ready + leased + delayed === 0)) return
    await pause(50)
  }
}

// What is seen meanwhile.

const isTerminal = process.stdout.isTTY === true
let drawn = 0

async function draw() {
  const rows = await Promise.all(
    Object.entries(contracts.all).map(async ([name, contract]) => {
      const { ready, leased, delayed } = await bus.depth(contract)
      const bar = '█'.repeat(Math.min(40, Math.ceil((ready + leased + delayed) / (50 * times))))
      const counts = [ledger.done(name), ready, leased, delayed]
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
  faults.mailMs = 100
  await orders(300, 300)
  faults.mailMs = 1
})
await scene('The warehouse is closed. Its orders wait for it.', async () => {
  faults.isWarehouseDown = true
  await orders(300, 300)
  await pause(2000 * times)
  faults.isWarehouseDown = false
})
await scene('Every fifth payment fails, and one order is poisoned.', async () => {
  faults.gatewayFails = 0.2
  await order(-1)
  await orders(300, 300)
  faults.gatewayFails = 0
})
await scene('Services crash at random, with orders in their hands.', async () => {
  const traffic = orders(600, 600)
  for (let round = 0; round < 10; round++) {
    await services.crash(services.names[round % services.names.length])
    await pause(100 * times)
  }
  await traffic
})
await scene('What is left is worked off.', untilQuiet)
isOver = true
await drawing
await draw()

// The end.

const letters = []
for (const contract of Object.values(contracts.all)) {
  for await (const letter of bus.dlq(contract).peek()) {
    if (letter.body.id.startsWith(`${run}-`)) letters.push(letter)
  }
}
for (const { body, error, attempt } of letters) {
  console.log(`\nDead letter: order ${body.id}, after ${attempt} attempt: ${error.message}`)
}
const wrong = ledger.faults(services.names, letters.length)
console.log(
  wrong.length > 0
    ? `\nThe books do NOT balance:\n  ${wrong.join('\n  ')}`
    : `\nThe books balance: ${ledger.orders.size} orders, all settled; ${ledger.repeats} came twice and had one effect.`,
)
await services.stop()
await shop.close()
agent.destroy()
await bus.close()
process.exitCode = wrong.length > 0 ? 1 : 0
