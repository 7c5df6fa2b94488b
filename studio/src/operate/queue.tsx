/** One queue or stream: its messages, what comes in now, sending, settings, and what can be done. */

import { useSignal } from '@preact/signals'
import type { History, Message, QueueDetail } from '../../../src/admin/contract.ts'
import { api } from '../api.ts'
import { go, here, setQuery } from '../router.ts'
import type { PageProps } from '../routes.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Empty } from '../ui/empty.tsx'
import { TextField } from '../ui/field.tsx'
import { PageHead } from '../ui/page-head.tsx'
import { Tabs } from '../ui/tabs.tsx'
import { useEvents } from './events.ts'
import { age, count, queueApi, queueHref, rate, shownName, size } from './format.ts'
import { MessageList } from './message-list.tsx'
import { Block } from './message-view.tsx'
import { Said } from './said.tsx'
import { SendForm } from './send-form.tsx'
import { isReadOnly, Live } from './session.tsx'
import { SettingsForm } from './settings-form.tsx'
import { TailView } from './tail-view.tsx'
import { type Line, TimeChart } from './time-chart.tsx'
import { type Doing, useApi, useDoing } from './use-api.ts'

export function QueuePage({ params }: PageProps) {
  return (
    <Live>
      <One name={params['name'] ?? ''} />
    </Live>
  )
}

const tabs = [
  ['messages', 'Messages'],
  ['tail', 'Live tail'],
  ['send', 'Send'],
  ['chart', 'Chart'],
  ['settings', 'Settings'],
] as const
type Tab = (typeof tabs)[number][0]

const kinds: { readonly [name: string]: string } = {
  amqp: 'RabbitMQ',
  kafka: 'Kafka',
  sqs: 'Amazon SQS',
  redis: 'Redis',
  engine: 'Spillway',
}

function One({ name }: { readonly name: string }) {
  const { queue } = useEvents({ queue: name })
  const version = useSignal(0)
  const edited = useSignal<Message | undefined>(undefined)
  const doing = useDoing()
  const tab = tabs.find(([id]) => id === here.value.query.get('tab'))?.[0] ?? 'messages'
  const detail = queue.value
  if (detail === null) {
    return (
      <Empty title={`There is no “${shownName(name)}”`}>
        <p>
          It was deleted, or never was. <a href="/operate/queues">All queues and streams</a>
        </p>
      </Empty>
    )
  }
  return (
    <>
      <PageHead
        title={shownName(name)}
        actions={detail !== undefined && !isReadOnly() && <Actions detail={detail} doing={doing} />}
      >
        {detail === undefined ? (
          'Reading…'
        ) : (
          <span class="row">
            {kinds[detail.protocol]} {detail.kind === 'log' ? 'stream' : 'queue'}
            {detail.durable ? '' : ', gone after a restart'}
            {detail.paused && <Badge tone="warn">‖ Paused</Badge>}
          </span>
        )}
      </PageHead>
      <Said doing={doing} />
      {detail !== undefined && <Counters detail={detail} />}
      <Tabs<Tab>
        label="What is shown"
        tabs={isReadOnly() ? tabs.filter(([id]) => id !== 'send') : tabs}
        chosen={tab}
        onChoose={id => {
          edited.value = undefined
          setQuery({ tab: id === 'messages' ? undefined : id })
        }}
      />
      {tab === 'messages' && (
        <MessageList
          queue={name}
          version={version.value}
          onEdit={message => {
            edited.value = message
            setQuery({ tab: 'send' })
          }}
        />
      )}
      {tab === 'tail' && <TailView queue={name} />}
      {tab === 'send' && (
        <SendForm
          queue={name}
          edited={edited.value}
          onSent={() => {
            version.value++
          }}
        />
      )}
      {tab === 'chart' && <Chart name={name} />}
      {tab === 'settings' && detail !== undefined && <Settings detail={detail} />}
    </>
  )
}

function Counters({ detail }: { readonly detail: QueueDetail }) {
  const isLog = detail.kind === 'log'
  const cells: readonly (readonly [string, string])[] = [
    ...(isLog
      ? ([
          ['● Held', count(detail.messages)],
          ['Positions', `${detail.first}–${detail.next}`],
        ] as const)
      : ([
          ['● Ready', count(detail.ready)],
          ['◐ In flight', count(detail.leased)],
          ['◔ Delayed', count(detail.delayed)],
          ['✕ Died here', count(detail.totals.deadLettered)],
        ] as const)),
    ['In', `${rate(detail.rates.in)}/s`],
    ...(isLog ? [] : ([['Out', `${rate(detail.rates.out)}/s`]] as const)),
    ['Oldest', age(detail.oldestAt)],
    ['Consumers', count(detail.subscribers)],
    ...(detail.lag === null ? [] : ([['Lag', count(detail.lag)]] as const)),
    ['Size', size(detail.bytes)],
  ]
  return (
    <dl class="counters">
      {cells.map(([title, value]) => (
        <div key={title}>
          <dt>{title}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Actions({ detail, doing }: { readonly detail: QueueDetail; readonly doing: Doing }) {
  const asking = useSignal<'purge' | 'delete' | undefined>(undefined)
  const { name } = detail
  const isQueue = detail.kind === 'queue'
  const close = (): void => {
    asking.value = undefined
  }
  const isPurge = asking.value === 'purge'
  const doIt = (): void => {
    close()
    void doing.run(async () => {
      if (isPurge) {
        const path = queueApi(name, '/messages')
        const { count: purged } = await api<{ count: number }>(path, { method: 'DELETE' })
        return `${count(purged)} messages were purged.`
      }
      await api(queueApi(name), { method: 'DELETE' })
      go('/operate/queues')
      return undefined
    })
  }
  return (
    <>
      {isQueue && (
        <Button
          disabled={doing.busy.value}
          onClick={() =>
            void doing.run(async () => {
              await api(queueApi(name, detail.paused ? '/resume' : '/pause'), { body: {} })
              return detail.paused
                ? 'It hands out again.'
                : 'It takes messages and hands none out, until it is resumed or the broker restarts.'
            })
          }
        >
          {detail.paused ? 'Resume' : 'Pause'}
        </Button>
      )}
      {detail.holdsDead && (
        <a class="button" href={`/operate/dead-letters?queue=${encodeURIComponent(name)}`}>
          Redrive…
        </a>
      )}
      {isQueue && (
        <Button
          danger
          onClick={() => {
            asking.value = 'purge'
          }}
        >
          Purge…
        </Button>
      )}
      <Button
        danger
        onClick={() => {
          asking.value = 'delete'
        }}
      >
        Delete…
      </Button>
      <Dialog
        title={isPurge ? 'Purge the queue' : 'Delete it'}
        open={asking.value !== undefined}
        onClose={close}
        actions={
          <>
            <Button onClick={close}>Keep it</Button>
            <Button danger onClick={doIt}>
              {isPurge ? `Purge ${count(detail.ready)} messages` : `Delete “${shownName(name)}”`}
            </Button>
          </>
        }
      >
        <p>
          {isPurge
            ? `All ${count(detail.ready)} ready messages of “${shownName(name)}” are deleted. This cannot be undone.`
            : `“${shownName(name)}” is deleted with its ${count(detail.count)} messages. This cannot be undone.`}
        </p>
      </Dialog>
    </>
  )
}

const queueLines: readonly Line[] = [
  { name: 'in', title: 'In/s', colour: '--water' },
  { name: 'out', title: 'Out/s', colour: '--good', dash: [6, 3] },
  { name: 'ready', title: 'Ready', colour: '--later', dash: [2, 3] },
]

const spans = [
  ['120000', '2 min'],
  ['3600000', '1 h'],
  ['86400000', '24 h'],
] as const
type Span = (typeof spans)[number][0]

function Chart({ name }: { readonly name: string }) {
  const span = useSignal<Span>('120000')
  const path = `/api/history?queue=${encodeURIComponent(name)}&span=${span.value}`
  const history = useApi<History>(path, span.value === '120000' ? 5000 : 15_000)
  return (
    <section class="panel" aria-label="Chart">
      <header>
        <h2>Rates and backlog</h2>
        <Tabs<Span>
          label="Time span"
          tabs={spans}
          chosen={span.value}
          onChoose={id => {
            span.value = id
          }}
        />
      </header>
      <div class="body">
        <TimeChart
          label="Rates and backlog"
          history={history.value.value}
          lines={queueLines}
          key={span.value}
        />
      </div>
    </section>
  )
}

function Settings({ detail }: { readonly detail: QueueDetail }) {
  const doing = useDoing()
  const unbind = (route: string, key: string): void => {
    void doing.run(async () => {
      const target = { kind: 'log', name: detail.name }
      await api('/api/bindings/remove', { body: { route, target, key } })
      return `Nothing comes from ${shownName(route)} by this key any more.`
    })
  }
  return (
    <div class="stack">
      {detail.deadFrom.length > 0 && (
        <p>
          Dead letters come here from{' '}
          {detail.deadFrom.map((from, index) => (
            <span key={from}>
              {index > 0 && ', '}
              <a href={queueHref(from)}>{shownName(from)}</a>
            </span>
          ))}
          .
        </p>
      )}
      <section class="panel" aria-label="Groups">
        <header>
          <h2>Groups that read here</h2>
          <a href="/operate/groups">All groups</a>
        </header>
        <div class="body">
          {detail.groups.length === 0 ? (
            <p>None.</p>
          ) : (
            <ul class="plain">
              {detail.groups.map(({ group, at, lag, pending }) => (
                <li key={group}>
                  <strong>{shownName(group)}</strong> at {at}, lag{' '}
                  {lag === null ? 'not known' : count(lag)}, {count(pending)} pending
                </li>
              ))}
            </ul>
          )}
        </div>
      </section>
      <section class="panel" aria-label="Bindings">
        <header>
          <h2>Bindings</h2>
        </header>
        <div class="body">
          {detail.bindings.length === 0 ? (
            <p>Only by its name.</p>
          ) : (
            <ul class="plain">
              {detail.bindings.map(({ route, key }) => (
                <li key={`${route} ${key}`}>
                  from <strong>{shownName(route)}</strong> with the key{' '}
                  <code>{shownName(key)}</code>{' '}
                  {!isReadOnly() && (
                    <Button
                      small
                      quiet
                      label={`Unbind ${shownName(route)} ${key}`}
                      disabled={doing.busy.value}
                      onClick={() => unbind(route, key)}
                    >
                      Unbind
                    </Button>
                  )}
                </li>
              ))}
            </ul>
          )}
          {!isReadOnly() && <Bind queue={detail.name} />}
        </div>
      </section>
      <section class="panel" aria-label="Configuration">
        <header>
          <h2>Configuration</h2>
        </header>
        {!isReadOnly() && (
          <div class="body">
            <SettingsForm detail={detail} />
          </div>
        )}
        <Block label="Configuration as JSON">{JSON.stringify(detail.config, null, 2)}</Block>
      </section>
    </div>
  )
}

function Bind({ queue }: { readonly queue: string }) {
  const route = useSignal('')
  const key = useSignal('')
  const doing = useDoing()
  const bind = (event: Event): void => {
    event.preventDefault()
    void doing.run(async () => {
      const target = { kind: 'log', name: queue }
      await api('/api/bindings', { body: { route: route.value, target, key: key.value } })
      return `What goes to ${shownName(route.value)} with this key comes here, too.`
    })
  }
  return (
    <form class="stack bind" onSubmit={bind} aria-label="Bind">
      <div class="fields">
        <TextField label="Bind to the route" value={route} required hint="amq.topic" />
        <TextField label="With the key" value={key} hint="order.*" />
      </div>
      <Said doing={doing} />
      <div>
        <Button submit disabled={doing.busy.value}>
          Bind
        </Button>
      </div>
    </form>
  )
}
