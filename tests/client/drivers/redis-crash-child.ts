/**
 * A process that handles messages over Redis until the queue NAME is empty, unless it dies:
 *
 *     node redis-crash-child.js URL NAME GUARANTEE PLACE keyed|plain
 *
 * Each message becomes one of NAME.out. Every call of the handler is a line of the output. It kills
 * itself in its third call when PLACE is `handler`, and at message 3 when it is `poison`.
 */

import { connect, type Guarantee } from '../../../src/client/client.ts'
import { inputOf, outputOf } from './redis-crashes.ts'

const [url = '', name = '', guarantee = '', place, keyed] = process.argv.slice(2)
const input = inputOf(name, keyed === 'keyed')
const output = outputOf(name)
let calls = 0

await using bus = await connect(url, { name: 'mortal', emulate: 'allow' })
await bus.prepare(input, output)
const worker = bus.consume(
  input,
  async ({ n }, message) => {
    calls++
    process.stdout.write(`${n}/${message.attempt}\n`)
    if (place === 'handler' && calls === 3) process.kill(process.pid, 'SIGKILL')
    if (place === 'poison' && n === 3) process.kill(process.pid, 'SIGKILL')
    await message.send(output, { n })
  },
  { guarantee: guarantee as Guarantee, lease: '1s', prefetch: 1 },
)
await worker.ready
for (;;) {
  const { ready, leased, delayed } = await bus.depth(input)
  if (ready + leased + delayed === 0) break
  await new Promise(resolve => setTimeout(resolve, 50))
}
