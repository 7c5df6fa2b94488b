/**
 * `npm run hostile -- [--quick] [--seed N] [--broker spillway|rabbitmq] [--disk-full]`
 *
 * Everything that a broken or malicious peer may do, beside a client that must not notice. The full
 * run opens 10,000 connections: `ulimit -n` must allow that.
 */

import { parseArgs } from 'node:util'
import { startSpillway } from '../harness/broker.ts'
import { Chance } from '../harness/chance.ts'
import { formatTable } from '../harness/statistics.ts'
import { startRabbitmq } from '../interop/peers/rabbitmq.ts'
import { runDiskFull } from './disk-full.ts'
import { runAttacks } from './run.ts'
import { fullSizes, quickSizes } from './sizes.ts'

const { values: flags } = parseArgs({
  options: {
    'disk-full': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    broker: { type: 'string', default: 'spillway' },
  },
})

if (flags['disk-full']) process.exit((await runDiskFull()) ? 0 : 1)

const broker = await (flags.broker === 'rabbitmq' ? startRabbitmq() : startSpillway())
const results = await runAttacks(
  broker,
  { chance: new Chance(Number(flags.seed)), sizes: flags.quick ? quickSizes : fullSizes },
  ({ name, failure }) => console.error(`${failure === undefined ? 'stood' : 'FAILED'}: ${name}`),
)
await broker.kill()
const rows = results.map(({ name, failure, residentMbMax }) => [
  name,
  String(residentMbMax),
  failure ?? 'stood',
])
console.log(formatTable(['attack', 'resident MB', 'result'], rows))
process.exit(results.some(({ failure }) => failure !== undefined) ? 1 : 0)
