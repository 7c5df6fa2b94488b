/**
 * The five services. Each takes its own queue, at its own pace, and may be slow, down or unlucky.
 *
 * On a broker each one is a process of its own, and to crash means SIGKILL. The embedded broker
 * lives in one process, so there they run beside the shop; to crash means that the consumer is
 * gone, with the orders that it had in hand.
 */

import { fork } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Reject } from 'spillway'

/** What can be done to a service while it runs. */
export const noFaults = { gatewayFails: 0, mailMs: 1, isWarehouseDown: false }

/** What each service does about one order; what it throws is tried again, later. */
export const work = faults => ({
  async payments(order, message) {
    if (order.total < 0) throw new Reject('an order cannot cost less than nothing')
    if (Math.random() < faults.gatewayFails) throw new Error('the gateway did not answer')
    await pause(1, undefined, { signal: message.signal })
  },
  async stock() {},
  async mails(_, message) {
    await pause(faults.mailMs, undefined, { signal: message.signal })
  },
  async shipments() {
    if (faults.isWarehouseDown) throw new Error('the warehouse is closed')
  },
  async statistics() {},
})

const names = Object.keys(work(noFaults))

/** @returns a way to make them crash, to change their faults, and to stop them */
export async function startServices(bus, books) {
  return bus.backend === 'embedded' ? servicesHere(books) : servicesInProcesses(books)
}

async function servicesHere(books) {
  const faults = { ...noFaults }
  const all = work(faults)
  const workers = new Map()
  const start = name => {
    const worker = books.consume(name, all[name])
    workers.set(name, worker)
    return worker.ready
  }
  await Promise.all(names.map(start))
  return {
    names,
    how: 'Services are consumers in this process; to crash means that the consumer is gone.',
    change: changes => Object.assign(faults, changes),
    /** What it has in hand is not finished; it goes back and comes again. */
    async crash(name) {
      await workers.get(name).drain({ timeout: '1ms' })
      await start(name)
    },
    async stop() {
      await Promise.all([...workers.values()].map(worker => worker.drain({ timeout: '10s' })))
    },
  }
}

async function servicesInProcesses(books) {
  const faults = { ...noFaults }
  const children = new Map()
  const start = name =>
    new Promise((resolve, reject) => {
      const child = fork(fileURLToPath(new URL('service.mjs', import.meta.url)), [name])
      children.set(name, child)
      child.send({ faults })
      child.once('exit', (code, signal) => {
        if (code === 0 || signal === 'SIGKILL') resolve()
        else reject(new Error(`${name} ended with ${code}`))
      })
      child.on('message', ({ ready, noted, number }) => {
        if (ready) resolve()
        if (noted === undefined) return
        books.note(name, noted)
        if (child.connected) child.send({ number })
      })
    })
  const gone = child =>
    child.exitCode !== null || child.signalCode !== null
      ? undefined
      : new Promise(resolve => child.once('exit', resolve))
  await Promise.all(names.map(start))
  const restarts = []
  return {
    names,
    how: 'Each service is a process of its own; to crash means SIGKILL.',
    change(changes) {
      Object.assign(faults, changes)
      for (const child of children.values()) if (child.connected) child.send({ faults })
    },
    async crash(name) {
      const child = children.get(name)
      child.kill('SIGKILL')
      await gone(child)
      // Nobody waits for the next one, which may be killed while it starts.
      restarts.push(start(name))
    },
    async stop() {
      await Promise.all(restarts)
      for (const child of children.values()) child.send({ stop: true })
      await Promise.all([...children.values()].map(gone))
    },
  }
}
