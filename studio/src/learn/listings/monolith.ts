/** The shop before there was a queue. */

import { lines as monolith } from 'listing:examples/guide/monolith.mjs'
import type { CodeSet } from '../code-view.tsx'

const guide = (name: string) => `examples/guide/${name}`

export const monolithCode: CodeSet = [
  {
    id: 'monolith',
    title: 'Order API',
    file: guide('monolith.mjs'),
    lines: monolith,
    knobs: { email: { after: '?? ' } },
  },
]
