/** What does the engine do alone, without sockets and protocol, on a real disk? */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { AloneQuestion, Figure } from './question.ts'

const loadFile = fileURLToPath(new URL('./engine-load.js', import.meta.url))

/** The names are the keys of what the load prints. */
const figures: readonly Figure[] = [
  { name: 'appends', unit: '/s', better: 'higher' },
  { name: 'leases and settlements', unit: '/s', better: 'higher' },
  { name: 'allocated by an append', unit: 'B', better: 'lower' },
  { name: 'allocated by a lease and settlement', unit: 'B', better: 'lower' },
]

function runEngine(messages: number): Promise<readonly number[]> {
  // A young generation so large that nothing is collected: what is used is what was allocated.
  const flags = ['--expose-gc', '--max-semi-space-size=1024', '--min-semi-space-size=1024']
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [...flags, loadFile, String(messages)], (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout))
      else reject(new Error(`the engine's load failed: ${stderr || error.message}`))
    })
  })
}

export const engine: AloneQuestion = {
  name: 'engine',
  title: 'the engine alone: a durable queue, 100 B, synced; one process, no sockets',
  aloneCases: ({ quick }) => {
    const messages = quick ? 50_000 : 500_000
    return [
      {
        name: `${messages.toLocaleString('en-GB')} messages`,
        figures,
        measure: async () => ({ values: await runEngine(messages) }),
      },
    ]
  },
}
