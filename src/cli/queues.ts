/** `spillway queues [NAME]`: all queues as a table, or everything about one. */

import type { QueueDetail, QueuePage, QueueSummary } from '../admin/contract.ts'
import { printSize } from '../base/size.ts'
import { adminClient, onlyQueue, queuePath } from './client.ts'
import type { Command } from './main.ts'
import { type Column, table } from './output.ts'

const number = (title: string, cell: (queue: QueueSummary) => number): Column<QueueSummary> => ({
  title,
  align: 'right',
  cell: queue => String(cell(queue)),
})

const columns: readonly Column<QueueSummary>[] = [
  { title: 'queue', cell: queue => queue.name },
  { title: 'protocol', cell: queue => queue.protocol },
  { title: 'kind', cell: queue => queue.kind },
  { title: 'durable', cell: queue => (queue.durable ? 'yes' : 'no') },
  number('ready', queue => queue.ready),
  number('leased', queue => queue.leased),
  number('delayed', queue => queue.delayed),
  number('consumers', queue => queue.subscribers),
  { title: 'size', align: 'right', cell: queue => printSize(queue.bytes) },
  number('in', queue => queue.totals.appended),
  number('settled', queue => queue.totals.settled),
]

export const queues: Command = async ({ settings, words, output }) => {
  const client = adminClient(settings.url)
  if (words.length > 0) {
    const detail = await client.call<QueueDetail>('GET', queuePath(onlyQueue('queues', words)))
    if (settings.json) output.json(detail)
    else output.data(JSON.stringify(detail, undefined, 2))
    return 0
  }
  const list: QueueSummary[] = []
  for (let total = 1; list.length < total; ) {
    const page = await client.call<QueuePage>('GET', `/api/queues?offset=${list.length}`)
    list.push(...page.rows)
    total = page.rows.length === 0 ? 0 : page.total
  }
  if (settings.json) {
    for (const queue of list) output.json(queue)
  } else if (list.length === 0) {
    output.note('There are no queues.')
  } else {
    for (const line of table(columns, list)) output.data(line)
  }
  return 0
}
