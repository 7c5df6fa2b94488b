/**
 * Queues and streams of all protocols in one list. The server sorts, filters and pages; only the
 * rows in view are there, so ten thousand of them scroll like ten.
 */

import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { QueuePage, QueueRow } from '../../../src/admin/contract.ts'
import { api } from '../api.ts'
import { go, here, setQuery } from '../router.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { SelectField, TextField } from '../ui/field.tsx'
import { PageHead } from '../ui/page-head.tsx'
import { useEvents } from './events.ts'
import { age, count, queueApi, queueHref, rate, shownName } from './format.ts'
import { Said } from './said.tsx'
import { isReadOnly, Live } from './session.tsx'
import { useDoing } from './use-api.ts'

export function Queues() {
  return (
    <Live>
      <QueuesPage />
    </Live>
  )
}

const rowHeight = 41
const spare = 10

interface Column {
  readonly id: string
  readonly title: string
  readonly sort?: string
  readonly wide?: boolean
  readonly cell: (row: QueueRow) => string
}

const columns: readonly Column[] = [
  {
    id: 'ready',
    title: 'Ready',
    sort: 'ready',
    cell: row => count(row.kind === 'log' ? row.messages : row.ready),
  },
  { id: 'leased', title: 'In flight', sort: 'leased', cell: row => dash(row, row.leased) },
  {
    id: 'delayed',
    title: 'Delayed',
    sort: 'delayed',
    wide: true,
    cell: row => dash(row, row.delayed),
  },
  {
    id: 'dead',
    title: 'Died',
    sort: 'dead',
    wide: true,
    cell: row => dash(row, row.totals.deadLettered),
  },
  { id: 'in', title: 'In/s', sort: 'in', cell: row => rate(row.rates.in) },
  { id: 'out', title: 'Out/s', sort: 'out', wide: true, cell: row => rate(row.rates.out) },
  { id: 'oldest', title: 'Oldest', wide: true, cell: row => age(row.oldestAt) },
  {
    id: 'subscribers',
    title: 'Consumers',
    sort: 'subscribers',
    wide: true,
    cell: row => count(row.subscribers),
  },
  { id: 'lag', title: 'Lag', sort: 'lag', cell: row => (row.lag === null ? '–' : count(row.lag)) },
]

function dash(row: QueueRow, value: number): string {
  return row.kind === 'log' ? '–' : count(value)
}

const protocols = ['amqp', 'kafka', 'sqs', 'redis', 'engine'] as const
const protocolNames: { readonly [name: string]: string } = {
  amqp: 'RabbitMQ',
  kafka: 'Kafka',
  sqs: 'SQS',
  redis: 'Redis',
  engine: 'Spillway',
}

function QueuesPage() {
  const box = useRef<HTMLElement>(null)
  const search = useRef<HTMLInputElement>(null)
  const first = useSignal(0)
  const active = useSignal(-1)
  const creating = useSignal(false)
  const { query } = here.value
  const sort = query.get('sort') ?? 'name'
  const order = query.get('order') ?? 'asc'
  const limit = 60
  const list = {
    sort,
    order,
    search: query.get('search') ?? '',
    offset: String(first.value),
    limit: String(limit),
    ...(query.has('protocol') ? { protocol: query.get('protocol')! } : {}),
  }
  const { queues } = useEvents({ topics: ['queues'], list })
  const page = queues.value
  const shownFrom = useRef(0)
  const last = useRef<QueuePage | undefined>(undefined)
  if (page !== last.current) {
    last.current = page
    shownFrom.current = first.value
  }
  const scrolled = (): void => {
    const top = box.current?.scrollTop ?? 0
    const wanted = Math.max(0, Math.floor(top / rowHeight) - spare)
    // In steps, so that a little scrolling asks for nothing.
    const step = Math.floor(wanted / 20) * 20
    if (step !== first.value) first.value = step
  }
  const choose = (changes: { readonly [name: string]: string | undefined }): void => {
    first.value = 0
    box.current?.scrollTo(0, 0)
    setQuery(changes)
  }
  useKeys(event => {
    if (event.key === '/') {
      event.preventDefault()
      search.current?.focus()
    }
  })
  const move = (event: KeyboardEvent): void => {
    const total = page?.total ?? 0
    const steps: { readonly [key: string]: number } = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: 10,
      PageUp: -10,
    }
    const by = steps[event.key]
    if (by !== undefined) {
      event.preventDefault()
      active.value = Math.min(total - 1, Math.max(0, active.value + by))
      const top = active.value * rowHeight
      const view = box.current!
      if (top < view.scrollTop) view.scrollTop = top
      if (top + rowHeight * 2 > view.scrollTop + view.clientHeight) {
        view.scrollTop = top + rowHeight * 2 - view.clientHeight
      }
    } else if (event.key === 'Enter' && event.target === box.current) {
      const row = page?.rows[active.value - shownFrom.current]
      if (row !== undefined) go(queueHref(row.name))
    }
  }
  return (
    <>
      <PageHead
        title="Queues and streams"
        actions={
          !isReadOnly() && (
            <Button
              primary
              onClick={() => {
                creating.value = true
              }}
            >
              New queue
            </Button>
          )
        }
      >
        {page === undefined ? 'Of all protocols.' : `${count(page.total)} of all protocols.`}
      </PageHead>
      <div class="row filters">
        <label class="field grow">
          <span class="visually-hidden">Part of a name</span>
          <input
            class="input"
            type="search"
            placeholder="Part of a name  ( / )"
            ref={search}
            value={list.search}
            onInput={event => choose({ search: event.currentTarget.value || undefined })}
          />
        </label>
        <label class="field">
          <span class="visually-hidden">Protocol</span>
          <select
            class="input"
            value={query.get('protocol') ?? ''}
            onChange={event => choose({ protocol: event.currentTarget.value || undefined })}
          >
            <option value="">All protocols</option>
            {protocols.map(name => (
              <option key={name} value={name}>
                {protocolNames[name]}
              </option>
            ))}
          </select>
        </label>
      </div>
      <section
        class="table-scroll queue-list"
        ref={box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        aria-label="Queues and streams: arrow keys choose, Enter opens"
        onScroll={scrolled}
        onKeyDown={move}
      >
        <table class="table" aria-rowcount={(page?.total ?? 0) + 1}>
          <thead>
            <tr aria-rowindex={1}>
              <SortHead id="name" title="Name" sort={sort} order={order} choose={choose} />
              {columns.map(column =>
                column.sort === undefined ? (
                  <th key={column.id} scope="col" class={classOf(column)}>
                    {column.title}
                  </th>
                ) : (
                  <SortHead
                    key={column.id}
                    id={column.sort}
                    title={column.title}
                    sort={sort}
                    order={order}
                    choose={choose}
                    class={classOf(column)}
                  />
                ),
              )}
            </tr>
          </thead>
          <tbody>
            <Spacer rows={shownFrom.current} />
            {(page?.rows ?? []).map((row, index) => {
              const at = shownFrom.current + index
              return (
                <tr
                  key={row.name}
                  aria-rowindex={at + 2}
                  class={at === active.value ? 'active' : undefined}
                >
                  <th scope="row">
                    <QueueName row={row} />
                  </th>
                  {columns.map(column => (
                    <td key={column.id} class={classOf(column)}>
                      {column.cell(row)}
                    </td>
                  ))}
                </tr>
              )
            })}
            <Spacer rows={(page?.total ?? 0) - shownFrom.current - (page?.rows.length ?? 0)} />
            {page?.total === 0 && (
              <tr>
                <td colSpan={columns.length + 1}>
                  Nothing here
                  {list.search === ''
                    ? ' yet. Declare a queue, or send with any client.'
                    : ' by that name.'}
                </td>
              </tr>
            )}
          </tbody>
        </table>
      </section>
      <CreateQueue
        open={creating.value}
        onClose={() => {
          creating.value = false
        }}
      />
    </>
  )
}

function classOf({ wide }: Column): string {
  return wide === true ? 'num wide' : 'num'
}

function Spacer({ rows }: { readonly rows: number }) {
  if (rows <= 0) return null
  return (
    <tr aria-hidden="true" class="spacer">
      <td colSpan={columns.length + 1} style={{ height: `${rows * rowHeight}px`, padding: '0' }} />
    </tr>
  )
}

function QueueName({ row }: { readonly row: QueueRow }) {
  return (
    <span class="queue-name">
      <a href={queueHref(row.name)}>{shownName(row.name)}</a>
      <span class="kind">
        {protocolNames[row.protocol]} {row.kind === 'log' ? 'stream' : 'queue'}
      </span>
      {row.paused && <Badge tone="warn">‖ Paused</Badge>}
      {row.holdsDead && row.count > 0 && <Badge tone="bad">✕ Dead letters</Badge>}
    </span>
  )
}

function SortHead(props: {
  readonly id: string
  readonly title: string
  readonly sort: string
  readonly order: string
  readonly class?: string
  readonly choose: (changes: { readonly [name: string]: string | undefined }) => void
}) {
  const isChosen = props.sort === props.id
  const isDescending = props.order === 'desc'
  const next = isChosen ? (isDescending ? 'asc' : 'desc') : props.id === 'name' ? 'asc' : 'desc'
  return (
    <th
      scope="col"
      class={props.class}
      aria-sort={isChosen ? (isDescending ? 'descending' : 'ascending') : undefined}
    >
      <button type="button" onClick={() => props.choose({ sort: props.id, order: next })}>
        {props.title}
        {isChosen ? (isDescending ? ' ↓' : ' ↑') : ''}
      </button>
    </th>
  )
}

/** Keys of the page: not while somebody types, and not with a modifier. */
export function useKeys(handle: (event: KeyboardEvent) => void): void {
  const current = useRef(handle)
  current.current = handle
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      const isTyping = (event.target as Element | null)?.closest?.(
        'input, textarea, select, dialog',
      )
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return
      current.current(event)
    }
    addEventListener('keydown', listen)
    return () => removeEventListener('keydown', listen)
  }, [])
}

function CreateQueue(props: { readonly open: boolean; readonly onClose: () => void }) {
  const name = useSignal('')
  const kind = useSignal<'queue' | 'log'>('queue')
  const dead = useSignal('')
  const doing = useDoing()
  const make = (event: Event): void => {
    event.preventDefault()
    void doing
      .run(async () => {
        const deadLetter = dead.value === '' ? undefined : { route: '', key: dead.value }
        const config = kind.value === 'queue' ? { queue: { deadLetter } } : {}
        await api(queueApi(name.value), { method: 'PUT', body: { kind: kind.value, config } })
        return undefined
      })
      .then(isMade => {
        if (isMade) go(queueHref(name.value))
      })
  }
  return (
    <Dialog title="New queue" open={props.open} onClose={props.onClose}>
      <form class="stack" onSubmit={make}>
        <TextField label="Name" value={name} required />
        <SelectField
          label="Kind"
          value={kind}
          choices={[
            ['queue', 'Queue: each message is settled once'],
            ['log', 'Stream: messages are kept, readers have places'],
          ]}
        />
        {kind.value === 'queue' && (
          <TextField label="Dead letters go to the queue" value={dead} hint="none" />
        )}
        <Said doing={doing} />
        <div class="row">
          <Button primary submit disabled={doing.busy.value}>
            Make it
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
