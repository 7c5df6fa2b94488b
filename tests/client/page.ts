/** docs/compatibility/backends.md, printed from what was recorded of each backend. */

import { connect, type Feature, features } from '../../src/client/client.ts'
import { conformanceCases } from '../../src/conformance/conformance.ts'
import { type Plan, planOf, type RowName, readResults, recordable } from './results.ts'

/** The backends, each with the recorded run that tells its plan. */
const planColumns = [
  { name: 'RabbitMQ', record: 'rabbitmq' },
  { name: 'Kafka', record: 'kafka' },
  { name: 'SQS', record: 'elasticmq' },
  { name: 'Redis Streams', record: 'redis' },
] as const

export async function backendsPage(): Promise<string> {
  const plans = [{ name: 'embedded', plan: await embeddedPlan() }]
  for (const { name, record } of planColumns) {
    const results = readResults(record)
    if (results !== undefined) plans.push({ name, plan: results.plan })
  }
  const rows = Object.entries(features).map(([feature, meaning]) => {
    const cells = plans.map(({ plan }) => cell(plan[feature as Feature] ?? ''))
    return `| ${[`\`${feature}\``, meaning, ...cells].join(' | ')} |`
  })
  return `# Backends of the client

What \`bus.plan\` says about each backend: native, emulated at a cost, or impossible. This page is printed
(\`node dist/tests/client/run.js --page\`) from the embedded driver's plan and from the recorded runs below:
change those.

| ${['feature', 'what it means', ...plans.map(({ name }) => name)].join(' | ')} |
|${'---|'.repeat(plans.length + 2)}
${rows.join('\n')}

## The conformance suite

The suite, \`spillway/conformance\`, has ${conformanceCases.length} cases, which mean the same on every backend. A case is skipped
only where the plan says \`impossible\`. Recorded runs, each in [results](results) with every skip and its reason:

| backend | version | passed | skipped | failed | date | commit |
|---|---|---|---|---|---|---|
${recordable.map(resultRow).join('\n')}

All of them are run and recorded again by the first line, on brokers that it starts; the second is for any other. The
wait that a backend can tell from none differs, and with it \`--unit\`, in milliseconds:

\`\`\`sh
npm run interop -- --suite client/ --record
node dist/tests/client/run.js URL --unit 100 --record NAME --server "RabbitMQ 3.10.8"
\`\`\`
${skipsSection()}`
}

function resultRow(name: RowName): string {
  const results = readResults(name)
  if (results === undefined) return `| ${name} | no recorded run | | | | | |`
  const { server, passed, skipped, failed, date, commit = 'not noted' } = results
  return `| ${[name, server, passed, skipped.length, failed.length, date, commit].join(' | ')} |`
}

/** The reasons of the skips, each with how many cases it covers, and the cases that failed. */
function skipsSection(): string {
  const parts: string[] = []
  for (const name of recordable) {
    const results = readResults(name)
    if (results === undefined) continue
    const reasons = new Map<string, number>()
    for (const { reason } of results.skipped) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
    const lines = [...reasons].map(([reason, count]) => `- ${count}: ${reason}`)
    lines.push(...results.failed.map(failed => `- fails: ${failed}`))
    if (lines.length > 0) parts.push(`\n### ${name}\n\n${lines.join('\n')}\n`)
  }
  return parts.length === 0 ? '' : `\n## What was skipped, and why\n${parts.join('')}`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

async function embeddedPlan(): Promise<Plan> {
  await using bus = await connect('memory:')
  return await planOf(bus)
}
