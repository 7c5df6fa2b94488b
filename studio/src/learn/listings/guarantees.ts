/** Three guarantees as a program. */

import { lines as guarantees } from 'listing:examples/guide/guarantees.mjs'
import type { CodeSet } from '../code-view.tsx'

const guide = (name: string) => `examples/guide/${name}`

export const guaranteeCode: CodeSet = [
  { id: 'rabbitmq', title: 'RabbitMQ', file: guide('guarantees.mjs'), lines: guarantees },
]
