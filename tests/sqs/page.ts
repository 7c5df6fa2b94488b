/** The page about SQS, printed from the server's tables: `docs/compatibility/sqs.md`. */

import { engineErrors } from '../../src/engine/errors.ts'
import { definitions } from '../../src/servers/sqs/attributes.ts'
import { commands } from '../../src/servers/sqs/commands.ts'
import { codes, type ErrorName, engineFailures, wireErrorOf } from '../../src/servers/sqs/errors.ts'
import { limits } from '../../src/servers/sqs/limits.ts'

export function sqsPage(): string {
  return `# Amazon SQS

Both protocols of Amazon SQS, AWS JSON 1.0 and Query, with all ${commands.size} actions. This page is printed from the
tables in \`src/servers/sqs\` (\`npm run docs\`): change those. What is not quite the same as in AWS is in
that folder's README.

## Actions

${table(
  ['action', 'note'],
  [...commands.values()].map(({ name, note }) => [`\`${name}\``, note]),
)}

## Attributes of queues

${table(['attribute', 'range or values', 'default', 'note'], attributeRows())}

## Limits

${table(
  ['limit', 'value'],
  Object.entries(limitTexts).map(([key, text]) => [
    text,
    limits[key as keyof typeof limits].toLocaleString('en-US'),
  ]),
)}

## Errors

${table(['JSON', 'Query', 'HTTP'], errorRows())}

## Refusals of the engine

${table(
  ['the engine says', 'a client hears'],
  Object.entries(engineFailures).map(([code, name]) => [
    engineErrors[code as keyof typeof engineErrors].sentence,
    `\`${name}\``,
  ]),
)}
`
}

const limitTexts: { readonly [Key in keyof typeof limits]?: string } = {
  messageBytesMax: 'bytes of a message, and of a batch',
  requestBytesMax: 'bytes of an HTTP request',
  batchMax: 'entries of a batch, messages of a receive',
  attributesMax: 'attributes of a message',
  inFlightMax: 'messages in flight of a standard queue',
  tagsMax: 'tags of a queue',
  waitSecondsMax: 'seconds of a long poll',
  moveRateMax: 'messages a second of a move task',
}

function attributeRows(): string[][] {
  return Object.entries(definitions).map(([name, { range, values, fallback, fifo, note }]) => [
    `\`${name}\`${fifo === true ? ' (FIFO)' : ''}`,
    range === undefined ? (values ?? []).join(', ') : `${range[0]} to ${range[1]}`,
    fallback ?? '',
    note,
  ])
}

function errorRows(): string[][] {
  return (Object.keys(codes) as ErrorName[]).map(name => {
    const { query, status } = wireErrorOf(name)
    return [`\`${name}\``, `\`${query}\``, String(status)]
  })
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |')
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}
