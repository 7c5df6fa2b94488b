/** What the services of the shop agree on: five queues, one for each thing that must follow an order. */

import { exponential, queue } from 'spillway'

/**
 * @typedef {object} Order
 * @property {string} id
 * @property {string} customer
 * @property {number} total in cents
 */

const retry = { attempts: 8, backoff: exponential('50ms', '1s') }

/** Orders of one customer are paid in their order, those of different customers side by side. */
export const payments = queue('shop.payments', { key: order => order.customer, retry, dlq: true })
export const stock = queue('shop.stock', { retry, dlq: true })
export const mails = queue('shop.mails', { retry, dlq: true })
// A warehouse may be closed for a while, and that is nobody's mistake.
const patient = { attempts: 100, backoff: exponential('50ms', '500ms') }
export const shipments = queue('shop.shipments', { retry: patient, dlq: true })
export const statistics = queue('shop.statistics', { retry, dlq: true })

export const all = { payments, stock, mails, shipments, statistics }
