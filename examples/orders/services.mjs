/** The five services. Each takes its own queue, at its own pace, and may be slow, down or unlucky. */

import { setTimeout as pause } from 'node:timers/promises'
import { Reject } from 'spillway'
import * as contracts from './contracts.mjs'

/** What can be done to a service while it runs. */
export const faults = {
  gatewayFails: 0,
  mailMs: 1,
  isWarehouseDown: false,
}

export function startServices(bus, ledger) {
  /** How each service handles one order; what it throws is tried again, later. */
  const handlers = {
    async payments(order, message) {
      if (order.total < 0) throw new Reject('an order cannot cost less than nothing')
      if (Math.random() < faults.gatewayFails) throw new Error('the gateway did not answer')
      await pause(1, undefined, { signal: message.signal })
      ledger.note('payments', order)
    },
    async stock(order) {
      ledger.note('stock', order)
    },
    async mails(order, message) {
      await pause(faults.mailMs, undefined, { signal: message.signal })
      ledger.note('mails', order)
    },
    async shipments(order) {
      if (faults.isWarehouseDown) throw new Error('the warehouse is closed')
      ledger.note('shipments', order)
    },
    async statistics(order) {
      ledger.note('statistics', order)
    },
  }
  const workers = new Map()
  const start = name => {
    const limits = { concurrency: 16, prefetch: 64, timeout: '10s' }
    workers.set(name, bus.consume(contracts.all[name], handlers[name], limits))
  }
  for (const name of Object.keys(handlers)) start(name)
  return {
    names: Object.keys(handlers),
    /** What it has in hand is not finished; it goes back and comes again. */
    async crash(name) {
      await workers.get(name).drain({ timeout: '1ms' })
      start(name)
    },
    async stop() {
      await Promise.all([...workers.values()].map(worker => worker.drain({ timeout: '10s' })))
    },
  }
}
