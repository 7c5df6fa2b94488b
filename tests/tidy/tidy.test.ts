import { describe, test } from 'node:test'
import { type Length, longestFiles, longestFunctions } from './longest.ts'
import { rules } from './rules.ts'
import { type Finding, readTree, repositoryRoot } from './tree.ts'

// A stack says nothing here.
Error.stackTraceLimit = 0

const tree = readTree(repositoryRoot())

describe('tidy', () => {
  for (const [sentence, rule] of Object.entries(rules)) {
    test(sentence, () => {
      const findings = rule(tree)
      if (findings.length > 0) throw new Error(`\n${findings.map(told).join('\n')}\n`)
    })
  }

  test('the longest files and functions, for a look', context => {
    context.diagnostic(`longest files: ${table(longestFiles(tree, 8))}`)
    context.diagnostic(`longest functions: ${table(longestFunctions(tree, 8))}`)
  })
})

function told({ path, line, message }: Finding): string {
  return `  ${path}:${line}  ${message}`
}

function table(lengths: readonly Length[]): string {
  return lengths.map(({ what, lines }) => `\n  ${String(lines).padStart(5)}  ${what}`).join('')
}
