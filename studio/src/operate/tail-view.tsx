/** Messages as they come: the newest ones, and how many went by too fast to be shown. */

import { useSignal } from '@preact/signals'
import type { Message, Tail } from '../../../src/admin/contract.ts'
import { Button } from '../ui/button.tsx'
import { useEvents } from './events.ts'
import { clock, count, shownName, size } from './format.ts'
import { previewOf } from './message-list.tsx'

const keptMax = 200

export function TailView({ queue }: { readonly queue: string }) {
  const messages = useSignal<readonly Message[]>([])
  const skipped = useSignal(0)
  const seen = useSignal(0)
  const isRunning = useSignal(true)
  const hear = (tail: Tail): void => {
    seen.value += tail.messages.length
    skipped.value += tail.skipped
    messages.value = [...[...tail.messages].reverse(), ...messages.value].slice(0, keptMax)
  }
  const { isOpen } = useEvents(isRunning.value ? { tail: queue } : {}, hear)
  return (
    <div class="stack">
      <div class="row between">
        <p class="looked" aria-live="off">
          {isRunning.value ? (isOpen.value ? '● Listening.' : '✕ Not connected.') : '‖ Stopped.'}{' '}
          {count(seen.value)} shown, <strong>{count(skipped.value)} skipped</strong> (too many at
          once, or consumed before they were seen).
        </p>
        <div class="row">
          <Button
            small
            onClick={() => {
              isRunning.value = !isRunning.value
            }}
          >
            {isRunning.value ? 'Stop' : 'Go on'}
          </Button>
          <Button
            small
            quiet
            onClick={() => {
              messages.value = []
              skipped.value = 0
              seen.value = 0
            }}
          >
            Clear
          </Button>
        </div>
      </div>
      <ul class="messages tail" aria-label="Messages, the newest first">
        {messages.value.map(message => (
          <li key={`${message.position}.${message.index}`}>
            <div class="message-line">
              <time>{clock(message.time).slice(11)}</time>
              <span class="id">{message.id}</span>
              <span class="key">{shownName(message.key || '–')}</span>
              <span class="preview">{previewOf(message)}</span>
              <span class="size">{size(message.body.bytes)}</span>
            </div>
          </li>
        ))}
        {messages.value.length === 0 && <li class="none">Nothing has come since you are here.</li>}
      </ul>
    </div>
  )
}
