/** The pages of `--help`, printed from the tables. */

import type { CommandName, Option } from './option.ts'
import { flagOf, optionKeys, options, printOption, variableOf } from './options.ts'

export interface CommandText {
  /** Words after the command. */
  readonly usage: string
  readonly summary: string
  readonly example: string
}

export const commandTexts: { readonly [K in CommandName]: CommandText } = {
  serve: {
    usage: '',
    summary: 'run the broker (the default)',
    example: 'spillway serve --data ./data --port-offset 1000',
  },
  studio: {
    usage: '[QUEUE | topic:NAME …]',
    summary: "show the broker's studio; with a backend's URL, serve one that is attached to it",
    example: 'spillway studio --url amqp://127.0.0.1 orders payments --open',
  },
  queues: {
    usage: '[NAME]',
    summary: 'list the queues, or show one',
    example: 'spillway queues --json | jq .name',
  },
  peek: {
    usage: 'QUEUE',
    summary: 'look at messages without taking them',
    example: 'spillway peek orders --count 5',
  },
  send: {
    usage: 'QUEUE [BODY]',
    summary: 'send a message; without BODY, standard input is the body',
    example: 'spillway send orders \'{"id":1}\'',
  },
  consume: {
    usage: 'QUEUE',
    summary: 'take messages, print them, and settle each after it is printed',
    example: 'spillway consume orders --count 10 --timeout 5s',
  },
  tail: {
    usage: 'NAME',
    summary: 'show messages as they come, without taking them',
    example: 'spillway tail order.placed --url file:./data --since 1h',
  },
  redrive: {
    usage: 'QUEUE',
    summary: 'send the dead letters of a queue back to it',
    example: 'spillway redrive orders --url file:./data --error TimeoutError --dry-run',
  },
  replay: {
    usage: 'TOPIC',
    summary: 'a topic’s history again, for one of its groups',
    example: 'spillway replay order.placed --group billing --since 2h --url file:./data',
  },
  move: {
    usage: 'QUEUE [NEW-NAME]',
    summary: 'carry a queue to another backend; goes on where it was killed',
    example: 'spillway move orders --from file:./data --to file:./elsewhere',
  },
  export: {
    usage: 'QUEUE|topic:NAME [FILE]',
    summary: 'write messages as lines of JSON, without taking them; goes on where it was cut off',
    example: 'spillway export orders orders.jsonl --url amqp://127.0.0.1',
  },
  import: {
    usage: 'QUEUE|topic:NAME [FILE]',
    summary: 'send the lines that export wrote; goes on where it was killed',
    example: 'spillway import orders orders.jsonl --url kafka://127.0.0.1:9092',
  },
  plan: {
    usage: 'MODULE',
    summary: 'what a backend can do for the contracts that a module exports',
    example: 'spillway plan ./contracts.js --url file:./data --fail-on emulated',
  },
  bench: {
    usage: '',
    summary: 'throughput and latency of a backend, through the client',
    example: 'spillway bench --url redis://localhost --count 50000',
  },
  compare: {
    usage: '[MODULE]',
    summary: 'two backends side by side: what they do for the contracts, and how they measure',
    example: 'spillway compare ./contracts.js --url file:./data --url amqp://localhost',
  },
  doctor: {
    usage: '',
    summary: 'check this machine; with --data, every checksum of a stopped broker',
    example: 'spillway doctor --data ./spillway-data',
  },
  config: {
    usage: '',
    summary: 'print the settings that `serve` would have',
    example: 'spillway config --show-origin',
  },
  users: {
    usage: 'hash NAME',
    summary: 'read a password from standard input, print a line for the users file',
    example: 'spillway users hash alice < password.txt',
  },
  completion: {
    usage: 'bash|zsh|fish',
    summary: 'print what a shell needs to complete commands and options',
    example: 'eval "$(spillway completion bash)"',
  },
}

export function helpText(command: CommandName | undefined, version: string): string {
  return command === undefined ? overview(version) : commandHelp(command)
}

function overview(version: string): string {
  const commands = Object.entries(commandTexts).map(([name, { usage, summary }]) => [
    `${name} ${usage}`.trim(),
    summary,
  ])
  return [
    `spillway ${version}: one durable message broker in one process`,
    '',
    'usage: spillway [COMMAND] [OPTIONS]',
    '',
    'commands:',
    ...twoColumns(commands),
    '',
    'options of serve:',
    ...twoColumns(optionRows('serve')),
    '',
    '`spillway COMMAND --help` has the options of each command. Every option but those that act',
    `on one call has a variable (${variableOf('portOffset')}) and a key in spillway.config.json`,
    '(portOffset); a flag wins over the variable, and the variable over the file.',
    '',
    'exit codes: 0 ok, 1 error, 2 usage, 3 not found, 4 unsupported, 5 timeout, 130 interrupted',
  ].join('\n')
}

function commandHelp(command: CommandName): string {
  const { usage, summary, example } = commandTexts[command]
  return [
    `usage: ${['spillway', command, usage, '[OPTIONS]'].filter(word => word !== '').join(' ')}`,
    '',
    summary,
    '',
    'options:',
    ...twoColumns(optionRows(command)),
    '',
    `example: ${example}`,
  ].join('\n')
}

function optionRows(command: CommandName): string[][] {
  const rows: string[][] = []
  for (const key of optionKeys) {
    const option: Option<unknown> = options[key]
    if (option.commands !== 'all' && !option.commands.includes(command)) continue
    const short = option.short === undefined ? '' : `-${option.short}, `
    const fallback = option.kind === 'switch' ? '' : printOption(key, option.fallback)
    rows.push([
      `${short}--${flagOf(key)}${valueText(option)}`,
      `${option.help}${fallback === '' || fallback === '0' ? '' : ` (default: ${fallback})`}`,
    ])
  }
  return rows
}

function valueText({ kind, placeholder }: Option<unknown>): string {
  if (kind === 'switch') return ''
  return kind === 'port' ? `[=${placeholder}]` : ` ${placeholder}`
}

function twoColumns(rows: readonly (readonly string[])[]): string[] {
  const width = rows.reduce((widest, row) => Math.max(widest, row[0]!.length), 0)
  return rows.map(([left, right]) => `  ${left!.padEnd(width)}  ${right}`)
}
