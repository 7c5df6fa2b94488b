/** Sending a message, anew or as an edited copy. */

import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Message, SendRequest } from '../../../src/admin/contract.ts'
import { api } from '../api.ts'
import { Button } from '../ui/button.tsx'
import { AreaField, TextField } from '../ui/field.tsx'
import { queueApi } from './format.ts'
import { Said } from './said.tsx'
import { useDoing } from './use-api.ts'

export function SendForm(props: {
  readonly queue: string
  /** The message that is edited; a copy goes out, and it stays. */
  readonly edited?: Message | undefined
  readonly onSent?: () => void
}) {
  const { queue, edited } = props
  const body = useSignal('')
  const key = useSignal('')
  const delay = useSignal('')
  const priority = useSignal('')
  const times = useSignal('1')
  const doing = useDoing()
  useEffect(() => {
    if (edited === undefined) return
    body.value = edited.body.encoding === 'text' ? edited.body.data : ''
    key.value = edited.key
  }, [edited])
  const send = (event: Event): void => {
    event.preventDefault()
    void doing.run(async () => {
      if (edited !== undefined) {
        const { position, index } = edited
        const copy = { position, index, body: body.value, key: key.value }
        await api(queueApi(queue, '/resend'), { body: copy })
        props.onSent?.()
        return 'The edited copy was sent. The original stays.'
      }
      const message = {
        body: body.value,
        ...(key.value === '' ? {} : { key: key.value }),
        ...(delay.value === '' ? {} : { delayMs: Number(delay.value) * 1000 }),
        ...(priority.value === '' ? {} : { priority: Number(priority.value) }),
      }
      const count = Math.min(1000, Math.max(1, Number(times.value) || 1))
      const request: SendRequest = { messages: Array.from({ length: count }, () => message) }
      await api(queueApi(queue, '/messages'), { body: request })
      props.onSent?.()
      return count === 1 ? 'Sent.' : `Sent ${count} times.`
    })
  }
  const isCut = edited?.body.truncated === true || edited?.body.encoding === 'base64'
  return (
    <form class="stack" onSubmit={send}>
      {isCut && (
        <p class="note warn">
          This body is binary or too long to be edited here: what you write replaces all of it.
        </p>
      )}
      <AreaField label="Body" rows={8} value={body} />
      <div class="fields">
        <TextField label="Key" value={key} />
        {edited === undefined && (
          <>
            <TextField label="Delay, seconds" type="number" min={0} value={delay} />
            <TextField label="Priority" type="number" min={0} value={priority} />
            <TextField label="How often" type="number" min={1} value={times} />
          </>
        )}
      </div>
      <Said doing={doing} />
      <div>
        <Button primary submit disabled={doing.busy.value}>
          {edited === undefined ? 'Send' : 'Send the edited copy'}
        </Button>
      </div>
    </form>
  )
}
