/** What the broker does right now, and did over the last day. */

import { useRef } from 'preact/hooks'
import type { History, Overview as OverviewData } from '../../../src/admin/contract.ts'
import { here, setQuery } from '../router.ts'
import { Badge } from '../ui/badge.tsx'
import { Sparkline } from '../ui/chart.tsx'
import { Later } from '../ui/later.tsx'
import { PageHead } from '../ui/page-head.tsx'
import { Tabs } from '../ui/tabs.tsx'
import { useEvents } from './events.ts'
import { count, duration, rate, size } from './format.ts'
import { Live } from './session.tsx'
import { type Line, TimeChart } from './time-chart.tsx'
import { useApi } from './use-api.ts'

export function Overview() {
  return (
    <Live>
      <OverviewPage />
    </Live>
  )
}

const spans = [
  ['60000', '1 min'],
  ['300000', '5 min'],
  ['3600000', '1 h'],
  ['86400000', '24 h'],
] as const
type Span = (typeof spans)[number][0]

const traffic: readonly Line[] = [
  { name: 'in', title: 'In', colour: '--water' },
  { name: 'out', title: 'Out', colour: '--good', dash: [6, 3] },
  { name: 'settled', title: 'Settled', colour: '--later', dash: [2, 3] },
]
const backlog: readonly Line[] = [
  { name: 'ready', title: 'Ready', colour: '--water' },
  { name: 'leased', title: 'In flight', colour: '--warn', dash: [6, 3] },
]

function OverviewPage() {
  const { overview, isOpen } = useEvents({ topics: ['overview'] })
  const recent = useRecent(overview.value)
  const span = spans.find(([id]) => id === here.value.query.get('span'))?.[0] ?? '300000'
  // A line of 5 min is not told apart from one that is 5 s older.
  const everyMs = { '60000': 2000, '300000': 5000, '3600000': 15_000, '86400000': 60_000 }[span]
  const history = useApi<History>(`/api/history?span=${span}`, everyMs)
  const now = overview.value
  return (
    <>
      <PageHead
        title="Overview"
        actions={
          <Badge tone={isOpen.value ? 'good' : 'bad'}>
            {isOpen.value ? '● Live' : '✕ Not connected'}
          </Badge>
        }
      >
        What the broker that serves this page does right now.
      </PageHead>
      {now !== undefined && <Warnings now={now} />}
      <Tiles now={now} recent={recent} />
      <section class="panel" aria-label="Traffic">
        <header>
          <h2>Messages a second</h2>
          <Tabs<Span>
            label="Time span"
            tabs={spans}
            chosen={span}
            onChoose={id => setQuery({ span: id })}
          />
        </header>
        <div class="body chart-room">
          <Later>
            <TimeChart
              label="Messages a second"
              history={history.value.value}
              lines={traffic}
              key={`t${span}`}
            />
          </Later>
        </div>
      </section>
      <Later>
        <section class="panel" aria-label="Backlog">
          <header>
            <h2>Backlog</h2>
          </header>
          <div class="body">
            <TimeChart
              label="Backlog"
              history={history.value.value}
              lines={backlog}
              key={`b${span}`}
            />
          </div>
        </section>
        {now !== undefined && <Facts now={now} />}
      </Later>
    </>
  )
}

const recentCount = 60
/** Events come each second; after a longer silence what was heard before does not go on. */
const silenceMs = 5000

/** The last minute of each figure: asked for once, and then what is heard. */
function useRecent(now: OverviewData | undefined): (name: RecentName) => readonly number[] {
  const asked = useApi<History>('/api/history?span=60000')
  const heard = useRef<OverviewData[]>([])
  const last = heard.current.at(-1)
  if (now !== undefined && now !== last) {
    if (last !== undefined && now.uptimeMs - last.uptimeMs > silenceMs) {
      heard.current = []
      asked.again()
    }
    heard.current = [...heard.current, now].slice(-recentCount)
  }
  return name => {
    // A second that nobody sampled is as the one before it.
    let filled = 0
    const before = (asked.value.value?.series[name] ?? []).map(value => {
      filled = value ?? filled
      return filled
    })
    return [...before, ...heard.current.map(recentOf[name])].slice(-recentCount)
  }
}

const recentOf = {
  in: (now: OverviewData) => now.rates.in,
  out: (now: OverviewData) => now.rates.out,
  ready: (now: OverviewData) => now.counts.ready,
  leased: (now: OverviewData) => now.counts.leased,
  connections: (now: OverviewData) => now.counts.connections,
  lagMs: (now: OverviewData) => now.lagMs,
  diskMs: (now: OverviewData) => now.diskMs ?? 0,
}
type RecentName = keyof typeof recentOf

function Warnings({ now }: { readonly now: OverviewData }) {
  if (now.alarm === null && now.reasons.length === 0) return null
  const text =
    now.alarm === 'disk'
      ? 'The disk is full: publishers wait or are refused, and consumers drain.'
      : now.alarm === 'backlog'
        ? 'More comes in than the disk can write: publishers wait.'
        : `Not ready: ${now.reasons.join(', ')}.`
  return (
    <p class="note bad" role="alert">
      {text}
    </p>
  )
}

function Tiles(props: {
  readonly now: OverviewData | undefined
  readonly recent: (name: RecentName) => readonly number[]
}) {
  const { now, recent: values } = props
  const tiles = [
    { title: 'In', value: now && `${rate(now.rates.in)}/s`, line: values('in') },
    { title: 'Out', value: now && `${rate(now.rates.out)}/s`, line: values('out') },
    { title: 'Ready', value: now && count(now.counts.ready), line: values('ready') },
    { title: 'In flight', value: now && count(now.counts.leased), line: values('leased') },
    { title: 'Dead letters', value: now && count(now.counts.dead), href: '/operate/dead-letters' },
    {
      title: 'Connections',
      value: now && count(now.counts.connections),
      line: values('connections'),
      href: '/operate/connections',
    },
    {
      title: 'To the disk within',
      value: now && (now.diskMs === null ? '–' : duration(now.diskMs)),
      line: values('diskMs'),
    },
    { title: 'Event-loop lag', value: now && duration(now.lagMs), line: values('lagMs') },
  ]
  return (
    <ul class="tiles">
      {tiles.map(({ title, value, line, href }) => (
        <li key={title} class="tile">
          <span class="name">{href === undefined ? title : <a href={href}>{title}</a>}</span>
          <strong>{value ?? '–'}</strong>
          {line !== undefined && <Sparkline label={`${title}, the last minute`} values={line} />}
        </li>
      ))}
    </ul>
  )
}

function Facts({ now }: { readonly now: OverviewData }) {
  const facts: readonly (readonly [string, string])[] = [
    ['Version', `${now.version} on Node ${now.node}`],
    ['Running for', duration(now.uptimeMs)],
    ['Data', now.data ?? 'in memory only'],
    ['A confirm means', now.durability === 'always' ? 'on the disk' : now.durability],
    ['Memory', size(now.usage.residentBytes)],
    ['Journal', size(now.journalBytes)],
    ['Waiting for the disk', size(now.backlogBytes)],
    ['Disk free', now.data === null ? '–' : size(now.diskFreeBytes)],
    ['Queues and streams', count(now.counts.queues)],
    ['Messages held', `${count(now.counts.records)} (${size(now.counts.recordBytes)})`],
    ['Delayed', count(now.counts.delayed)],
  ]
  return (
    <section class="panel" aria-label="The broker">
      <header>
        <h2>The broker</h2>
        <a href="/operate/api">JSON API</a>
      </header>
      <div class="body facts">
        <dl>
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <dl>
          {now.endpoints.map(({ name, url }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                <code>{url}</code>
              </dd>
            </div>
          ))}
        </dl>
      </div>
    </section>
  )
}
