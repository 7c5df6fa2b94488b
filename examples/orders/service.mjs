/**
 * One service as a process: `node service.mjs NAME`, started by services.mjs. It may be killed at any
 * moment. Without a database it tells the shop's ledger what it has done, and waits for its answer
 * before the message is done.
 */

import { connect } from 'spillway'
import { consumeAndNote, openBooks } from './books.mjs'
import { noFaults, work } from './services.mjs'

const name = process.argv[2]
const faults = { ...noFaults }
const waiting = new Map()
let count = 0

const bus = await connect(process.env.SPILLWAY_URL, { name: `shop-${name}`, emulate: 'allow' })
const isInDatabase = process.env.DATABASE_URL !== undefined
const books = isInDatabase ? await openBooks(bus, '') : undefined
const worker = isInDatabase
  ? books.consume(name, work(faults)[name])
  : consumeAndNote(bus, name, work(faults)[name], tellLedger)

function tellLedger(_, order) {
  const number = ++count
  return new Promise(resolve => {
    waiting.set(number, resolve)
    process.send({ noted: order, number })
  })
}

process.on('message', async message => {
  if (message.faults) Object.assign(faults, message.faults)
  if (message.number) {
    waiting.get(message.number)?.()
    waiting.delete(message.number)
  }
  if (!message.stop) return
  await worker.drain({ timeout: '10s' })
  await bus.close()
  await books?.close()
  process.exit(0)
})
// The shop is gone, so nobody needs this any more.
process.on('disconnect', () => process.exit(1))

await worker.ready
process.send({ ready: true })
