/** docs/compatibility/redis.md, printed from the table of commands. */

import { engineErrors } from '../../src/engine/errors.ts'
import type { Command } from '../../src/servers/redis/command.ts'
import { commands } from '../../src/servers/redis/commands.ts'
import { errors } from '../../src/servers/redis/errors.ts'

export function redisPage(): string {
  return `# Redis Streams

RESP2 and RESP3, streams with their groups, and the keys around them. This page is printed from the
table in \`src/servers/redis/commands.ts\`: change that.

## Commands

Whatever is not in this table is answered as Redis does: \`ERR unknown command\`.

${table(['command', 'group', 'since', 'note'], rows())}

## Refusals

What the engine refuses, in Redis' words.

${table(['the engine says', 'a client hears'], refusals())}
`
}

function rows(): string[][] {
  const all: Command[] = [...commands.values()].flatMap(command =>
    command.subcommands === undefined ? [command] : [...command.subcommands.values()],
  )
  return all.map(({ name, group, since, summary }) => [
    `\`${name.toUpperCase().replace('|', ' ')}\``,
    group,
    since,
    summary,
  ])
}

function refusals(): string[][] {
  return Object.entries(errors).map(([code, text]) => [
    engineErrors[code as keyof typeof engineErrors].sentence,
    `\`${text}\``,
  ])
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |')
  return [line(head), `|${'---|'.repeat(head.length)}`, ...lines.map(line)].join('\n')
}
