/**
 * The live pages of a studio that looks at another backend through the client's driver. What the
 * driver can tell is shown; a page that needs more says what, and why it is not there.
 */

import { useSignal } from '@preact/signals'
import type {
  Ability,
  Attached,
  AttachedLetter,
  AttachedMessage,
  Watched,
} from '../../../src/cli/attached/contract.ts'
import { api } from '../api.ts'
import { here } from '../router.ts'
import { Badge, StateBadge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Sparkline } from '../ui/chart.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Empty } from '../ui/empty.tsx'
import { AreaField, TextField } from '../ui/field.tsx'
import { PageHead } from '../ui/page-head.tsx'
import { Table } from '../ui/table.tsx'
import { Tabs } from '../ui/tabs.tsx'
import { Listing, WatchForm } from './attached-list.tsx'
import { clock, count, queueHref, shownName, size } from './format.ts'
import { Said } from './said.tsx'
import { useApi, useDoing } from './use-api.ts'

const names: { readonly [backend: string]: string } = {
  rabbitmq: 'RabbitMQ',
  kafka: 'Kafka',
  sqs: 'SQS',
  redis: 'Redis Streams',
  embedded: 'the engine inside a process',
}

/** Pages of an own broker for which a client's connection is not enough. */
const unserved: { readonly [path: string]: readonly [title: string, why: string] } = {
  '/operate/groups': [
    'Groups',
    'The client’s drivers consume in a group; they do not list groups, nor set their places. The backend’s own tools do.',
  ],
  '/operate/connections': [
    'Connections',
    'A driver knows its own connection alone. Who else is connected, the broker’s own tools tell.',
  ],
  '/operate/definitions': [
    'Definitions',
    'The client’s drivers do not read back how a queue is set up. `spillway plan` says what this backend does with your contracts.',
  ],
  '/operate/api': [
    'JSON API',
    'The API of an attached studio is /api/attached; the document of all of it is that of a broker of our own.',
  ],
}

export function AttachedPages() {
  const { path } = here.value
  const asked = useApi<Attached>('/api/attached', 1000)
  const attached = asked.value.value
  if (asked.failure.value !== undefined && attached === undefined) {
    return (
      <Empty title="The studio does not answer">
        <p>{asked.failure.value}</p>
      </Empty>
    )
  }
  if (attached === undefined) return <p class="visually-hidden">Loading</p>
  const missing = unserved[path]
  if (missing !== undefined) {
    return (
      <>
        <PageHead title={missing[0]} />
        <Empty title={`Not through ${nameOf(attached)}’s client`}>
          <p>{missing[1]}</p>
        </Empty>
      </>
    )
  }
  const name = /^\/operate\/queues\/(.+)$/.exec(path)?.[1]
  if (name !== undefined) return <One attached={attached} name={decodeURIComponent(name)} />
  return <All attached={attached} again={asked.again} />
}

function nameOf({ backend }: Attached): string {
  return names[backend] ?? backend
}

function All({ attached, again }: { readonly attached: Attached; readonly again: () => void }) {
  const isDead = here.value.path === '/operate/dead-letters'
  const rows = attached.watched.filter(row => !isDead || row.dead !== null)
  return (
    <>
      <PageHead
        title={isDead ? 'Dead letters' : 'Queues and streams'}
        actions={
          <Badge tone={attached.problem === null ? 'good' : 'bad'}>
            {attached.problem === null ? '● Connected' : '✕ Not connected'}
          </Badge>
        }
      >
        Attached to {nameOf(attached)} at <code>{attached.url}</code>.
      </PageHead>
      {attached.problem !== null && <p class="note bad">{attached.problem}</p>}
      <Table<Watched>
        caption="What is watched"
        columns={[
          {
            id: 'name',
            title: isDead ? 'Queue that they died in' : 'Name',
            cell: row => <a href={queueHref(row.name)}>{shownName(row.name)}</a>,
          },
          ...(isDead ? [] : depthColumns),
          {
            id: 'dead',
            title: 'Dead',
            numeric: true,
            cell: row => (row.dead === null ? '–' : count(row.dead.count)),
          },
          {
            id: 'go',
            title: 'Watched',
            cell: row => (
              <Button
                small
                quiet
                onClick={() => {
                  void api(one(row.name), { method: 'DELETE' }).then(again)
                }}
              >
                Forget
              </Button>
            ),
          },
        ]}
        rows={rows}
        rowId={row => row.name}
        empty={
          isDead
            ? 'No dead letters of a queue that is watched.'
            : 'Nothing is watched yet: choose below.'
        }
      />
      {!isDead && <Listing watched={attached.watched} again={again} />}
      {!isDead && <WatchForm again={again} />}
    </>
  )
}

const depthColumns = [
  { id: 'kind', title: 'Kind', cell: (row: Watched) => row.kind },
  {
    id: 'ready',
    title: 'Ready',
    numeric: true,
    cell: (row: Watched) => <Figure row={row} of="ready" />,
  },
  {
    id: 'leased',
    title: 'In flight',
    numeric: true,
    cell: (row: Watched) => <Figure row={row} of="leased" />,
  },
  {
    id: 'delayed',
    title: 'Delayed',
    numeric: true,
    cell: (row: Watched) => <Figure row={row} of="delayed" />,
  },
  {
    id: 'recent',
    title: 'Last minute',
    cell: (row: Watched) => <Sparkline values={row.recent} label={`Ready in ${row.name}`} />,
  },
]

function Figure(props: { readonly row: Watched; readonly of: 'ready' | 'leased' | 'delayed' }) {
  const { depth, problem } = props.row
  if (depth === null) return <span title={problem ?? ''}>✕</span>
  return (
    <>
      {depth.approximate ? '≈ ' : ''}
      {count(depth[props.of])}
    </>
  )
}

const looks = [
  ['messages', 'Messages'],
  ['send', 'Send'],
  ['dead', 'Dead letters'],
  ['abilities', 'What it can do'],
] as const
type Look = (typeof looks)[number][0]

function One({ attached, name }: { readonly attached: Attached; readonly name: string }) {
  const look = useSignal<Look>('messages')
  const asking = useSignal(false)
  const doing = useDoing()
  const row = attached.watched.find(each => each.name === name)
  if (row === undefined) {
    return (
      <Empty title={`${name} is not watched`}>
        <p>
          <a href="/operate/queues">Watch it from the list.</a>
        </p>
      </Empty>
    )
  }
  const { depth, problem, dead } = row
  const purge = (): void => {
    asking.value = false
    void doing.run(async () => {
      const path = one(name, '/messages')
      const { count: gone } = await api<{ count: number | null }>(path, { method: 'DELETE' })
      return gone === null ? 'Purged.' : `${count(gone)} messages were purged.`
    })
  }
  const tabs = looks.filter(([id]) => id !== 'send' || !attached.readOnly)
  return (
    <>
      <PageHead
        title={shownName(name)}
        actions={
          !attached.readOnly && (
            <Button danger disabled={doing.busy.value} onClick={() => (asking.value = true)}>
              Purge
            </Button>
          )
        }
      >
        A {row.kind} of {nameOf(attached)}.
      </PageHead>
      {problem !== null && <p class="note bad">{problem}</p>}
      {depth !== null && (
        <p class="row">
          <StateBadge state="ready">{`${figure(depth.ready, depth)} ready`}</StateBadge>
          <StateBadge state="flight">{`${figure(depth.leased, depth)} in flight`}</StateBadge>
          <StateBadge state="delayed">{`${figure(depth.delayed, depth)} delayed`}</StateBadge>
          {dead !== null && <StateBadge state="dead">{`${count(dead.count)} dead`}</StateBadge>}
        </p>
      )}
      <Said doing={doing} />
      <Tabs<Look>
        label="What is shown"
        tabs={tabs}
        chosen={look.value}
        onChoose={id => {
          look.value = id
        }}
      />
      {look.value === 'messages' && <Messages name={name} />}
      {look.value === 'send' && <Send row={row} />}
      {look.value === 'dead' && <Letters attached={attached} name={name} />}
      {look.value === 'abilities' && <Abilities name={name} />}
      <Dialog
        title={`Purge ${name}?`}
        open={asking.value}
        onClose={() => {
          asking.value = false
        }}
      >
        <p>Every message that waits there is deleted. There is no undo.</p>
        <div class="row">
          <Button danger onClick={purge}>
            Purge
          </Button>
        </div>
      </Dialog>
    </>
  )
}

function figure(value: number, { approximate }: { readonly approximate: boolean }): string {
  return `${approximate ? '≈ ' : ''}${count(value)}`
}

function Messages({ name }: { readonly name: string }) {
  const asked = useApi<AttachedMessage[]>(one(name, '/messages?count=50'))
  if (asked.failure.value !== undefined) return <p class="note warn">{asked.failure.value}</p>
  const messages = asked.value.value
  if (messages === undefined) return <p class="note">Looking…</p>
  return (
    <>
      <div class="row between">
        <p class="note">The first that wait, without taking them: {messages.length}.</p>
        <Button small onClick={asked.again}>
          Look again
        </Button>
      </div>
      {messages.map(message => (
        <MessageFold key={message.position} message={message} />
      ))}
    </>
  )
}

function MessageFold(props: { readonly message: AttachedMessage; readonly note?: string }) {
  const { message, note } = props
  const { body } = message
  return (
    <details class="fold">
      <summary>
        <span class="row">
          <code>{message.id}</code>
          {message.key !== null && <Badge>{shownName(message.key)}</Badge>}
          {note !== undefined && <Badge tone="bad">{note}</Badge>}
          <span>{size(body.bytes)}</span>
          <time dateTime={new Date(message.time).toISOString()}>{clock(message.time)}</time>
        </span>
      </summary>
      <section class="body-block" aria-label="Body">
        <pre>{pretty(message)}</pre>
      </section>
      {body.truncated && <p class="note warn">The beginning of {size(body.bytes)}.</p>}
      {Object.keys(message.headers).length > 0 && (
        <section class="body-block" aria-label="Headers">
          <pre>{JSON.stringify(message.headers, null, 2)}</pre>
        </section>
      )}
    </details>
  )
}

function pretty({ body }: AttachedMessage): string {
  if (body.encoding === 'base64') return `base64: ${body.data}`
  try {
    return JSON.stringify(JSON.parse(body.data), null, 2)
  } catch {
    return body.data
  }
}

function Send({ row }: { readonly row: Watched }) {
  const body = useSignal('')
  const key = useSignal('')
  const doing = useDoing()
  const send = (event: Event): void => {
    event.preventDefault()
    void doing.run(async () => {
      const message = { body: body.value, ...(key.value === '' ? {} : { key: key.value }) }
      await api(one(row.name, '/messages'), { body: message })
      return 'Sent, and confirmed by the backend.'
    })
  }
  return (
    <form class="stack" onSubmit={send}>
      <AreaField label="Body" rows={8} value={body} />
      <TextField label="Key, where it has keys" value={key} />
      <Said doing={doing} />
      <div>
        <Button primary submit disabled={doing.busy.value}>
          Send
        </Button>
      </div>
    </form>
  )
}

function Letters({ attached, name }: { readonly attached: Attached; readonly name: string }) {
  const asked = useApi<AttachedLetter[]>(one(name, '/dead'))
  const doing = useDoing()
  if (asked.failure.value !== undefined) return <p class="note warn">{asked.failure.value}</p>
  const letters = asked.value.value
  if (letters === undefined) return <p class="note">Looking…</p>
  const redrive = (error: string | undefined, dryRun: boolean): void => {
    void doing.run(async () => {
      const body = { dryRun, ...(error === undefined ? {} : { error }) }
      const result = await api<{ matched: number; redriven: number }>(one(name, '/redrive'), {
        body,
      })
      asked.again()
      return dryRun
        ? `${count(result.matched)} would be sent back.`
        : `${count(result.redriven)} were sent back.`
    })
  }
  const errors = [...new Set(letters.map(({ error }) => error.name))]
  return (
    <div class="stack">
      <Said doing={doing} />
      {letters.length === 0 && <p class="note">There are none.</p>}
      {letters.length > 0 && !attached.readOnly && (
        <div class="row">
          <Button disabled={doing.busy.value} onClick={() => redrive(undefined, true)}>
            Dry run
          </Button>
          <Button primary disabled={doing.busy.value} onClick={() => redrive(undefined, false)}>
            Send all back
          </Button>
          {errors.length > 1 &&
            errors.map(error => (
              <Button key={error} disabled={doing.busy.value} onClick={() => redrive(error, false)}>
                {`Send back ${error}`}
              </Button>
            ))}
        </div>
      )}
      {letters.map(letter => (
        <MessageFold
          key={letter.position}
          message={letter}
          note={`${letter.error.name}: ${letter.error.message}`}
        />
      ))}
    </div>
  )
}

const signs = { native: '✓', emulated: '≈', impossible: '✕', caution: '!' } as const

function Abilities({ name }: { readonly name: string }) {
  const asked = useApi<Ability[]>(one(name, '/abilities'))
  if (asked.failure.value !== undefined) return <p class="note warn">{asked.failure.value}</p>
  return (
    <Table<Ability>
      caption="What this backend does for a queue of the client's"
      columns={[
        { id: 'text', title: 'Feature', cell: row => row.text },
        { id: 'how', title: 'How', cell: row => `${signs[row.how]} ${row.how}` },
        {
          id: 'why',
          title: 'Why, or at what cost',
          cell: row => (row.instead === '' ? row.why : `${row.why} Instead: ${row.instead}`),
        },
      ]}
      rows={asked.value.value ?? []}
      rowId={row => `${row.feature} ${row.how} ${row.why}`}
      empty="Asking…"
    />
  )
}

function one(name: string, rest = ''): string {
  return `/api/attached/${encodeURIComponent(name)}${rest}`
}
