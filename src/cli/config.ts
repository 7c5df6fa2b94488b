/** `spillway config`: the settings that `serve` would have, and where each comes from. */

import { usageFailure } from './failure.ts'
import type { Command } from './main.ts'
import type { Option } from './option.ts'
import { optionKeys, options, printOption } from './options.ts'
import { table } from './output.ts'

export const config: Command = async ({ settings, origins, words, output }) => {
  if (words.length > 0) throw usageFailure(`config takes no words, not “${words[0]}”.`)
  const rows = optionKeys
    .filter(key => {
      const option: Option<unknown> = options[key]
      return !option.flagOnly && (option.commands === 'all' || option.commands.includes('config'))
    })
    .map(key => {
      const { kind, name } = origins[key]
      return { key, value: settings[key], origin: kind === 'default' ? kind : name }
    })
  if (settings.json) {
    for (const { key, value, origin } of rows)
      output.json({
        key,
        value: typeof value === 'object' ? printOption(key, value) : (value ?? null),
        origin,
      })
    return 0
  }
  const columns = [
    { title: 'key', cell: (row: (typeof rows)[number]) => row.key },
    {
      title: 'value',
      cell: (row: (typeof rows)[number]) => printOption(row.key, row.value) || '-',
    },
  ]
  if (settings.showOrigin) columns.push({ title: 'origin', cell: row => row.origin })
  for (const line of table(columns, rows)) output.data(line)
  return 0
}
