/**
 * A process that handles messages of a folder and kills itself at a chosen step:
 *
 *     node crash-child.js FOLDER GUARANTEE STEP CALL
 *
 * Each message of `in` becomes one of `out`. At call number CALL it dies, without a goodbye. It
 * ends by itself when `in` is empty, and writes down every call of the handler as it begins.
 */

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  connect,
  type Driver,
  type DriverContext,
  fixed,
  type Guarantee,
  queue,
} from '../../src/client/client.ts'
import { openDriver } from '../../src/client/drivers/embedded/driver.ts'

const [folder = '', guarantee = '', step = '', call = '0'] = process.argv.slice(2)
const input = queue<{ n: number }>('in', { retry: { attempts: 3, backoff: fixed(0) } })
const output = queue<{ n: number }>('out')
let calls = 0

/** The process is gone at once: nothing is flushed, nothing is given back. */
function dieAt(here: string): void {
  if (here === step && calls >= Number(call)) process.kill(process.pid, 'SIGKILL')
}

/** The driver with a step before, during and after each commit and settlement. */
async function openMortal(url: string, context: DriverContext): Promise<Driver> {
  const driver = await openDriver(url, context)
  const commit = driver.commit.bind(driver)
  driver.commit = async work => {
    if (work.settle.length > 0) dieAt('before-commit')
    const committing = commit(work)
    if (work.settle.length > 0) dieAt('during-commit')
    const results = await committing
    if (work.settle.length > 0) dieAt('after-commit')
    return results
  }
  return driver
}

await using bus = await connect(`file:${folder}`, { drivers: { file: openMortal } })
await bus.prepare(input, output)
const worker = bus.consume(
  input,
  async ({ n }, message) => {
    calls++
    appendFileSync(join(folder, '..', 'calls'), `${n}/${message.attempt}\n`)
    dieAt('handler')
    if (step === 'poison' && n === 3) process.kill(process.pid, 'SIGKILL')
    await message.send(output, { n })
    dieAt('sent')
    await message.ack()
    dieAt('acknowledged')
  },
  { guarantee: guarantee as Guarantee },
)
await worker.ready
for (;;) {
  const { ready, leased, delayed } = await bus.depth(input)
  if (ready + leased + delayed === 0) break
  await new Promise(resolve => setTimeout(resolve, 5))
}
