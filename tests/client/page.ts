/** docs/compatibility/backends.md, printed from what the drivers say in their plans. */

import { connect, type Feature, features, queue, rpc, topic } from '../../src/client/client.ts'
import { conformanceCases } from '../../src/conformance/conformance.ts'

/** The backends that there are drivers for, each by a URL that needs nothing else. */
const backends = [{ name: 'embedded', url: 'memory:' }] as const

export async function backendsPage(): Promise<string> {
  const columns = await Promise.all(backends.map(({ url }) => supportOf(url)))
  const rows = Object.entries(features).map(([feature, meaning]) => {
    const cells = columns.map(column => column.get(feature as Feature) ?? '')
    return `| ${[`\`${feature}\``, meaning, ...cells].join(' | ')} |`
  })
  const names = backends.map(({ name }) => name)
  return `# Backends of the client

What \`bus.plan\` says about each backend that the client has a driver for: native, emulated at a cost, or
impossible. This page is printed from the drivers (\`node dist/tests/client/run.js --page\`): change those.

| ${['feature', 'what it means', ...names].join(' | ')} |
|${'---|'.repeat(names.length + 2)}
${rows.join('\n')}

The suite, \`spillway/conformance\`, has ${conformanceCases.length} cases. They all pass on the embedded engine, in memory and in a
folder, with none skipped (\`npm test\`). Against another URL:

\`\`\`sh
node dist/tests/client/run.js URL --unit 100      # the shortest wait that the backend knows, in ms
\`\`\`

There is no driver yet for RabbitMQ, Kafka, SQS or Redis.
`
}

/** A queue says it for queues, a topic for topics: the same words, or both. */
async function supportOf(url: string): Promise<ReadonlyMap<Feature, string>> {
  const bus = await connect(url)
  const found = new Map<Feature, string>()
  const rows = await bus.plan(queue('q'), topic('t'), rpc('r'))
  // Only a queue with keys shows what keys forbid.
  const keyed = await bus.plan(queue<{ k: string }>('k', { key: ({ k }) => k }))
  for (const { feature, how, why } of rows) {
    const cell = how === 'native' || why === '' ? how : `${how}: ${why}`
    if (!found.has(feature)) found.set(feature, cell)
  }
  for (const { feature, how } of keyed) {
    const plain = found.get(feature)
    if (how === 'impossible' && plain !== undefined && !plain.startsWith(how)) {
      found.set(feature, `${plain}; ${how} on queues with keys`)
    }
  }
  await bus.close()
  return found
}
