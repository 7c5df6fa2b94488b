/** `docs/compatibility/kafka.md`, printed from the server's table. */

import { engineErrors } from '../../src/engine/errors.ts'
import { servedBy } from '../../src/servers/kafka/commands.ts'
import { errors } from '../../src/servers/kafka/errors.ts'
import { codes } from '../../src/wire/kafka/error-codes.ts'

export function kafkaPage(): string {
  return `# Kafka

A single broker, as the clients and tools of Kafka 4.2 see it. With \`--kafka-profile 3.9\` or \`2.4\` the
versions are those of that Kafka, the ones that Kafka 4 has dropped included. This page is printed from the tables in
\`src/servers/kafka\`: change those. What becomes what in the engine is in the folder's README.

## Requests that a client may send

A key or a version that is not in this table ends the connection, as it does with Kafka; only
ApiVersions is answered whatever its version.

${table(['key', 'API', 'versions', 'note'], commandRows())}

## Refusals

${table(['the engine says', 'a client hears'], errorRows())}
`
}

const { advertised, commands } = servedBy('4.2')

function commandRows(): string[][] {
  return [...commands.values()].map(({ api, since, until, note }) => {
    const said = advertised.find(({ apiKey }) => apiKey === api.key)!
    const versions = said.minVersion === since ? `${since}–${until}` : `(0) ${since}–${until}`
    return [String(api.key), api.name, since === until ? String(since) : versions, note]
  })
}

function errorRows(): string[][] {
  return Object.entries(errors).map(([code, number]) => [
    engineErrors[code as keyof typeof engineErrors].sentence,
    `${number} \`${Object.entries(codes).find(([, each]) => each === number)?.[0]}\``,
  ])
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |')
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}
