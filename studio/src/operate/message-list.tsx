/** Messages of one queue or stream: browsed and searched without touching them. */

import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Browse, Message } from '../../../src/admin/contract.ts'
import { api } from '../api.ts'
import { Button } from '../ui/button.tsx'
import { SelectField, TextField } from '../ui/field.tsx'
import { age, count, queueApi, shownName, size } from './format.ts'
import { MessageView, StateOf } from './message-view.tsx'

const pageSize = 50
/** Further pages are asked for by themselves while a search has found nothing yet. */
const searchPagesMax = 50

const places = [
  ['id,key,header,body', 'everywhere'],
  ['id', 'in the id'],
  ['key', 'in the key'],
  ['header', 'in headers'],
  ['body', 'in the body'],
] as const
type Place = (typeof places)[number][0]

const beginnings = [
  ['oldest', 'oldest first'],
  ['newest', 'newest first'],
  ['time', 'from a time (UTC)'],
] as const
type Beginning = (typeof beginnings)[number][0]

export function MessageList(props: {
  readonly queue: string
  /** Changes when the list should be read anew. */
  readonly version?: number
  readonly selected?: ReadonlySet<number>
  readonly onSelect?: (position: number, isSelected: boolean) => void
  readonly onEdit?: (message: Message) => void
  readonly accept?: (message: Message) => boolean
}) {
  const { queue } = props
  const from = useSignal<Beginning>('oldest')
  const time = useSignal('')
  const search = useSignal('')
  const place = useSignal<Place>('id,key,header,body')
  const messages = useSignal<readonly Message[]>([])
  const cursor = useSignal<number | null>(null)
  const scanned = useSignal(0)
  const busy = useSignal(false)
  const failure = useSignal<string | undefined>(undefined)
  const opened = useSignal<string | undefined>(undefined)
  const round = useRef(0)

  const read = async (isNext: boolean): Promise<void> => {
    const mine = ++round.current
    busy.value = true
    failure.value = undefined
    try {
      let at = isNext ? cursor.value : null
      let found: readonly Message[] = []
      let looked = isNext ? scanned.value : 0
      for (let page = 0; page < searchPagesMax; page++) {
        const query = new URLSearchParams({ limit: String(pageSize), bytes: '300' })
        query.set('from', from.value === 'newest' ? 'newest' : 'oldest')
        const since = Date.parse(`${time.value}Z`)
        if (from.value === 'time' && Number.isFinite(since)) query.set('time', String(since))
        if (at !== null) query.set('cursor', String(at))
        if (search.value !== '') {
          query.set('search', search.value)
          query.set('in', place.value)
        }
        const answer = await api<Browse>(queueApi(queue, `/messages?${query}`))
        if (mine !== round.current) return
        found = [...found, ...answer.messages]
        looked += answer.scanned
        at = answer.cursor
        scanned.value = looked
        if (found.length >= pageSize || at === null) break
      }
      messages.value = isNext ? [...messages.value, ...found] : found
      cursor.value = at
    } catch (error) {
      if (mine === round.current) failure.value = (error as Error).message
    } finally {
      if (mine === round.current) busy.value = false
    }
  }
  useEffect(() => {
    void read(false)
  }, [queue, props.version])

  const shown = props.accept === undefined ? messages.value : messages.value.filter(props.accept)
  return (
    <div class="stack">
      <form
        class="row filters"
        onSubmit={event => {
          event.preventDefault()
          void read(false)
        }}
      >
        <TextField
          label="Search"
          isQuiet
          grows
          type="search"
          hint="Search messages"
          value={search}
        />
        <SelectField label="Where to search" isQuiet value={place} choices={places} />
        <SelectField
          label="Begin with"
          isQuiet
          value={from}
          choices={beginnings}
          onChoose={choice => {
            if (choice !== 'time') void read(false)
          }}
        />
        {from.value === 'time' && (
          <TextField label="Time, UTC" isQuiet type="datetime-local" value={time} />
        )}
        <Button submit disabled={busy.value}>
          {busy.value ? 'Looking…' : 'Look'}
        </Button>
      </form>
      {failure.value !== undefined && <p class="note bad">{failure.value}</p>}
      <p class="looked" aria-live="polite">
        {count(shown.length)} shown, {count(scanned.value)} looked at
        {cursor.value === null ? '; that is all.' : '; there are more.'} Looking changes nothing.
      </p>
      <ul class="messages" aria-label="Messages">
        {shown.map(message => {
          const id = `${message.position}.${message.index}`
          const isOpen = opened.value === id
          return (
            <li key={id} class={isOpen ? 'open' : undefined}>
              <div class="line">
                {props.onSelect !== undefined && (
                  <input
                    type="checkbox"
                    aria-label={`Select message ${message.id}`}
                    checked={props.selected?.has(message.position) === true}
                    onChange={event =>
                      props.onSelect!(message.position, event.currentTarget.checked)
                    }
                  />
                )}
                <button
                  type="button"
                  class="message-line"
                  aria-expanded={isOpen}
                  onClick={() => {
                    opened.value = isOpen ? undefined : id
                  }}
                >
                  <span class="id">{message.id}</span>
                  <StateOf message={message} />
                  <span class="key">{shownName(message.key || '–')}</span>
                  <span class="preview">{previewOf(message)}</span>
                  <span class="size">{size(message.body.bytes)}</span>
                  <span class="age">{age(message.time)}</span>
                </button>
              </div>
              {isOpen && (
                <MessageView
                  queue={queue}
                  position={message.position}
                  index={message.index}
                  {...(props.onEdit === undefined ? {} : { onEdit: props.onEdit })}
                />
              )}
            </li>
          )
        })}
        {shown.length === 0 && !busy.value && <li class="none">No message here.</li>}
      </ul>
      {cursor.value !== null && (
        <div>
          <Button onClick={() => void read(true)} disabled={busy.value}>
            Show more
          </Button>
        </div>
      )}
    </div>
  )
}

export function previewOf({ body }: Message): string {
  if (body.bytes === 0) return '(empty)'
  if (body.encoding === 'base64') return '(binary)'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return body.data.slice(0, 200).replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
}
