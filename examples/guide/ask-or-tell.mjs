// Ask when you need the answer to go on; tell when the work may be done later.
// SPILLWAY_URL=memory: node ask-or-tell.mjs

import { connect, queue, rpc } from 'spillway'

const workMs = 400
const checkCard = rpc('check-card')
const mails = queue('mails')

const bus = await connect(process.env.SPILLWAY_URL ?? 'memory:')
const service = bus.respond(checkCard, async () => {
  await work()
  return { accepted: true }
})
const mailer = bus.consume(mails, work)

let began = Date.now()
const { accepted } = await bus.request(checkCard, { card: '4711' }, { timeout: '5s' })
console.log(`asked: accepted is ${accepted}, the user waited ${Date.now() - began} ms`)

began = Date.now()
await bus.send(mails, { to: 'ada', text: 'thank you' })
console.log(`told: it is kept, the user waited ${Date.now() - began} ms`)

await mailer.drain({ timeout: '5s' })
await service.drain({ timeout: '5s' })
await bus.close()

function work() {
  return new Promise(resolve => setTimeout(resolve, workMs))
}
