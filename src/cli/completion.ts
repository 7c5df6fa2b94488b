/**
 * `spillway completion bash|zsh|fish`: what a shell needs to complete commands and options, printed
 * from the option table. `eval "$(spillway completion bash)"`.
 */

import { usageFailure } from './failure.ts'
import { commandTexts } from './help.ts'
import type { Command } from './main.ts'
import { type CommandName, commandNames, type Option } from './option.ts'
import { flagOf, optionKeys, options } from './options.ts'

export const shells = ['bash', 'zsh', 'fish'] as const

export const completion: Command = ({ words, output }) => {
  const [shell, rest] = words
  const print = { bash, zsh, fish }[shell as 'bash']
  if (print === undefined || rest !== undefined) {
    throw usageFailure(`completion is for one of ${shells.join(', ')}.`)
  }
  for (const line of print()) output.data(line)
  return Promise.resolve(0)
}

interface Flag {
  readonly flag: string
  readonly short: string | undefined
  readonly help: string
  /** A value follows: it is none of ours to complete, but a file where it is one. */
  readonly value: 'none' | 'file' | 'other'
}

function flagsOf(command: CommandName): readonly Flag[] {
  return optionKeys.flatMap(key => {
    const option: Option<unknown> = options[key]
    if (option.commands !== 'all' && !option.commands.includes(command)) return []
    const { kind, placeholder, short, help } = option
    const isFile = placeholder === 'FILE' || placeholder === 'DIR'
    const value = kind === 'switch' ? 'none' : isFile ? 'file' : 'other'
    return [{ flag: `--${flagOf(key)}`, short, help, value }]
  })
}

function bash(): string[] {
  const cases = commandNames.map(
    command =>
      `    ${command}) flags="${flagsOf(command)
        .map(({ flag }) => flag)
        .join(' ')}" ;;`,
  )
  return [
    '_spillway() {',
    `  local current="$2" command="\${COMP_WORDS[1]}" flags=""`,
    '  COMPREPLY=()',
    '  if [[ $COMP_CWORD -eq 1 && "$current" != -* ]]; then',
    `    COMPREPLY=($(compgen -W "${commandNames.join(' ')}" -- "$current"))`,
    '    return',
    '  fi',
    '  [[ "$command" == -* ]] && command=serve',
    '  case "$command" in',
    ...cases,
    '  esac',
    '  if [[ "$current" == -* ]]; then',
    '    COMPREPLY=($(compgen -W "$flags" -- "$current"))',
    '  else',
    '    COMPREPLY=($(compgen -f -- "$current"))',
    '  fi',
    '}',
    'complete -o filenames -F _spillway spillway',
  ]
}

function zsh(): string[] {
  const commands = commandNames.map(name => `    ${quote(`${name}:${commandTexts[name].summary}`)}`)
  const cases = commandNames.flatMap(command => [
    `    ${command})`,
    `      _arguments ${flagsOf(command).map(zshFlag).join(' ')} '*:word:_files' ;;`,
  ])
  return [
    '#compdef spillway',
    '_spillway() {',
    '  local -a commands=(',
    ...commands,
    '  )',
    '  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then',
    "    _describe 'command' commands",
    '    return',
    '  fi',
    '  local command=$words[2]',
    '  [[ $command == -* ]] && command=serve || shift words && (( CURRENT-- ))',
    '  case $command in',
    ...cases,
    '  esac',
    '}',
    'compdef _spillway spillway',
  ]
}

function zshFlag({ flag, help, value }: Flag): string {
  const text = help.replaceAll(/[[\]:]/g, ' ')
  const end = value === 'none' ? '' : value === 'file' ? ':file:_files' : ':value:'
  return quote(`${flag}${value === 'none' ? '' : '='}[${text}]${end}`)
}

function fish(): string[] {
  const lines = ['complete -c spillway -f']
  for (const name of commandNames) {
    const { summary } = commandTexts[name]
    lines.push(`complete -c spillway -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`)
  }
  for (const command of commandNames) {
    for (const { flag, short, help, value } of flagsOf(command)) {
      const when = quote(`__fish_seen_subcommand_from ${command}`)
      const names = `-l ${flag.slice(2)}${short === undefined ? '' : ` -s ${short}`}`
      const needs = value === 'none' ? '' : value === 'file' ? ' -r -F' : ' -r'
      lines.push(`complete -c spillway -n ${when} ${names}${needs} -d ${quote(help)}`)
    }
  }
  return lines
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
