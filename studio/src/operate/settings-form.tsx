/** What can be altered of a queue that was made here; for the others, who decides. */

import { useSignal } from '@preact/signals'
import type { QueueDetail } from '../../../src/admin/contract.ts'
import { api } from '../api.ts'
import { Button } from '../ui/button.tsx'
import { SelectField, TextField } from '../ui/field.tsx'
import { queueApi } from './format.ts'
import { Said } from './said.tsx'
import { useDoing } from './use-api.ts'

const advice: { readonly [protocol: string]: string } = {
  amqp: 'Its clients declared it. RabbitMQ alters a declared queue by a policy, and so does Spillway.',
  kafka: 'A topic’s settings are altered with Kafka’s own tools: kafka-configs --alter.',
  sqs: 'A queue of SQS is altered by its clients, with SetQueueAttributes.',
  redis: 'A stream of Redis has no settings: XADD and XTRIM bound it.',
}

const limits = [
  ['ttlMs', 'A message may wait (ms)'],
  ['countMax', 'Ready messages at most'],
  ['bytesMax', 'Ready bytes at most'],
  ['attemptsMax', 'Attempts at most'],
  ['leaseMs', 'Life of a lease (ms)'],
] as const

const overflows = [
  ['drop-head', 'the oldest goes'],
  ['reject', 'the new one is refused'],
  ['reject-dead-letter', 'the new one is a dead letter'],
] as const

export function SettingsForm({ detail }: { readonly detail: QueueDetail }) {
  const said = advice[detail.protocol]
  if (said !== undefined) return <p class="note">{said}</p>
  const { queue } = detail.config
  return queue === undefined ? null : <Form detail={detail} queue={queue} />
}

function Form(props: {
  readonly detail: QueueDetail
  readonly queue: NonNullable<QueueDetail['config']['queue']>
}) {
  const { detail, queue } = props
  const doing = useDoing()
  const texts = limits.map(([name]) => useSignal(queue[name] === undefined ? '' : `${queue[name]}`))
  const overflow = useSignal(queue.overflow)
  const save = (event: Event): void => {
    event.preventDefault()
    void doing.run(async () => {
      const numbers = limits.map(([name], index) => {
        const text = texts[index]!.value
        return [name, text === '' ? null : Number(text)]
      })
      const body = { ...Object.fromEntries(numbers), overflow: overflow.value }
      await api(queueApi(detail.name, '/settings'), { body })
      return 'It holds from now on.'
    })
  }
  return (
    <form class="stack" onSubmit={save} aria-label="Alter the settings">
      <div class="fields">
        {limits.map(([name, label], index) => (
          <TextField
            key={name}
            label={label}
            type="number"
            min={name === 'attemptsMax' || name === 'leaseMs' ? 1 : 0}
            hint="no limit"
            value={texts[index]!}
          />
        ))}
        <SelectField label="At the limit" value={overflow} choices={overflows} />
      </div>
      <Said doing={doing} />
      <div>
        <Button submit disabled={doing.busy.value}>
          Save
        </Button>
      </div>
    </form>
  )
}
