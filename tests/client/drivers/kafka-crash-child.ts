/**
 * A process that handles messages over Kafka until the queue NAME is empty. Whoever started it
 * kills it, at a request of its choice:
 *
 *     node kafka-crash-child.js URL NAME GUARANTEE [poison]
 *
 * Each message becomes one of NAME.out. Every call of the handler is a line of the output.
 */

import { connect, type Guarantee } from '../../../src/client/client.ts'
import { inputOf, outputOf } from './kafka-crashes.ts'

const [url = '', name = '', guarantee = '', poison] = process.argv.slice(2)
const input = inputOf(name)
const output = outputOf(name)
await using bus = await connect(url, { name, emulate: 'allow' })
await bus.prepare(input, output)
const worker = bus.consume(
  input,
  async ({ n }, message) => {
    process.stdout.write(`${n}/${message.attempt}\n`)
    if (poison !== undefined && n === 3) process.kill(process.pid, 'SIGKILL')
    await message.send(output, { n })
  },
  { guarantee: guarantee as Guarantee },
)
await worker.ready
for (;;) {
  const { ready, leased, delayed } = await bus.depth(input)
  if (ready + leased + delayed === 0) break
  await new Promise(resolve => setTimeout(resolve, 250))
}
