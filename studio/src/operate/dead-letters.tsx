/**
 * Dead letters: where they died and why; look at them, and send back one, some, those that match, or
 * all; see before what it would do, and take it back afterwards.
 */

import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type {
  DeadLetters,
  DeadReason,
  Redrive,
  RedriveRequest,
} from '../../../src/admin/contract.ts'
import { api } from '../api.ts'
import { here, setQuery } from '../router.ts'
import { Badge, StateBadge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Empty } from '../ui/empty.tsx'
import { TextField } from '../ui/field.tsx'
import { PageHead } from '../ui/page-head.tsx'
import { age, count, duration, queueHref, shownName } from './format.ts'
import { MessageList } from './message-list.tsx'
import { Said } from './said.tsx'
import { isReadOnly, Live } from './session.tsx'
import { useApi, useDoing } from './use-api.ts'

export function DeadLetterPage() {
  return (
    <Live>
      <Dead />
    </Live>
  )
}

const reasonTexts: { readonly [reason: string]: string } = {
  rejected: 'rejected by a consumer',
  expired: 'expired before anybody took it',
  length: 'pushed out by the length limit',
  attempts: 'tried too often',
  unknown: 'of an unknown cause',
}

function Dead() {
  const list = useApi<DeadLetters[]>('/api/dead-letters', 5000)
  const redrives = useApi<Redrive[]>('/api/redrives', 1000)
  const version = useSignal(0)
  const { query } = here.value
  const queues = list.value.value
  const queue = query.get('queue') ?? undefined
  const from = query.get('from') ?? undefined
  const reason = query.get('reason') ?? undefined
  const shown = queues?.find(each => each.queue === queue)
  const changed = (): void => {
    version.value++
    list.again()
    redrives.again()
  }
  return (
    <>
      <PageHead title="Dead letters">
        Messages that were given up, by where they died and why. Look at them, mend the cause, send
        them back.
      </PageHead>
      {list.failure.value !== undefined && <p class="note bad">{list.failure.value}</p>}
      {queues?.length === 0 && (
        <Empty title="No queue holds dead letters">
          <p>
            Give a queue a dead-letter target (x-dead-letter-exchange in RabbitMQ, a redrive policy
            in SQS), and what is rejected, expired or tried too often comes here.
          </p>
        </Empty>
      )}
      {queues?.map(each => (
        <Group key={each.queue} dead={each} chosen={{ queue, from, reason }} />
      ))}
      <Redrives list={redrives.value.value ?? []} onChange={changed} />
      {queue !== undefined && (
        <Chosen
          key={`${queue} ${from} ${reason}`}
          queue={queue}
          from={from}
          reason={reason}
          total={shown?.count}
          version={version.value}
          onChange={changed}
        />
      )}
    </>
  )
}

interface Choice {
  readonly queue: string | undefined
  readonly from: string | undefined
  readonly reason: string | undefined
}

function Group({ dead, chosen }: { readonly dead: DeadLetters; readonly chosen: Choice }) {
  const isAll = chosen.queue === dead.queue && chosen.from === undefined
  return (
    <section class="panel" aria-label={`Dead letters in ${dead.queue}`}>
      <header>
        <h2>
          <a href={queueHref(dead.queue)}>{shownName(dead.queue)}</a>
        </h2>
        <span class="row">
          <StateBadge state="dead">{count(dead.count)} dead</StateBadge>
          {dead.count > 0 && (
            <Button
              small
              pressed={isAll}
              onClick={() =>
                setQuery({
                  queue: isAll ? undefined : dead.queue,
                  from: undefined,
                  reason: undefined,
                })
              }
            >
              Look at all
            </Button>
          )}
        </span>
      </header>
      {dead.scanned < dead.count && (
        <p class="note warn">
          The first {count(dead.scanned)} of {count(dead.count)} were looked at.
        </p>
      )}
      <ul class="reasons">
        {dead.reasons.map(each => {
          const isChosen =
            chosen.queue === dead.queue &&
            chosen.from === each.from &&
            chosen.reason === each.reason
          return (
            <li key={`${each.from} ${each.reason}`}>
              <button
                type="button"
                class="reason"
                aria-pressed={isChosen}
                onClick={() =>
                  setQuery(
                    isChosen
                      ? { queue: undefined, from: undefined, reason: undefined }
                      : { queue: dead.queue, from: each.from, reason: each.reason },
                  )
                }
              >
                <ReasonText reason={each} total={dead.scanned} />
              </button>
            </li>
          )
        })}
        {dead.reasons.length === 0 && <li class="none">Empty: nothing has died lately.</li>}
      </ul>
    </section>
  )
}

function ReasonText({ reason, total }: { readonly reason: DeadReason; readonly total: number }) {
  const share = total === 0 ? 0 : (reason.count / total) * 100
  return (
    <>
      <strong class="figure">{count(reason.count)}</strong>
      <span class="words">
        <span>
          {reasonTexts[reason.reason] ?? reason.reason} in <strong>{shownName(reason.from)}</strong>
        </span>
        <small>
          newest {age(reason.newestAt)} ago, oldest {age(reason.oldestAt)} ago
        </small>
        <span class="share" aria-hidden="true">
          <span style={{ width: `${share}%` }} />
        </span>
      </span>
    </>
  )
}

function Chosen(
  props: Choice & {
    readonly queue: string
    readonly total: number | undefined
    readonly version: number
    readonly onChange: () => void
  },
) {
  const { queue, from, reason } = props
  const selected = useSignal<ReadonlySet<number>>(new Set())
  const search = useSignal('')
  const to = useSignal('')
  const rateText = useSignal('')
  const plan = useSignal<Redrive | undefined>(undefined)
  const doing = useDoing()
  const size = selected.value.size
  useEffect(() => {
    plan.value = undefined
  }, [selected.value, search.value, to.value])
  const request = (dryRun: boolean): RedriveRequest => ({
    ...(size > 0 ? { positions: [...selected.value] } : {}),
    ...(from === undefined ? {} : { from }),
    ...(reason === undefined ? {} : { reason }),
    ...(search.value === '' ? {} : { search: search.value }),
    ...(to.value === '' ? {} : { to: to.value }),
    ...(Number(rateText.value) > 0 ? { rate: Number(rateText.value) } : {}),
    dryRun,
  })
  const path = `/api/dead-letters/${encodeURIComponent(queue)}/redrive`
  const run = (dryRun: boolean): void => {
    void doing.run(async () => {
      const redrive = await api<Redrive>(path, { body: request(dryRun) })
      if (dryRun) {
        plan.value = redrive
        return undefined
      }
      plan.value = undefined
      selected.value = new Set()
      props.onChange()
      if (redrive.failure !== null) throw new Error(redrive.failure)
      return redrive.state === 'running'
        ? `Sending back ${count(redrive.planned)}; how far it is, is shown above.`
        : `${count(redrive.moved)} were sent back.`
    })
  }
  const what =
    size > 0 ? `${count(size)} selected` : search.value === '' ? 'all of these' : 'those that match'
  return (
    <section class="panel" aria-label="Chosen dead letters">
      <header>
        <h2>
          {from === undefined
            ? 'All dead letters'
            : `${reasonTexts[reason ?? ''] ?? reason} in “${shownName(from)}”`}
        </h2>
        <Button
          quiet
          small
          label="Close"
          onClick={() => setQuery({ queue: undefined, from: undefined, reason: undefined })}
        >
          ✕
        </Button>
      </header>
      <div class="body stack">
        {!isReadOnly() && (
          <>
            <div class="fields">
              <TextField label="Only with this text" type="search" value={search} />
              <TextField label="To another queue" hint="where each died" value={to} />
              <TextField
                label="Messages a second"
                type="number"
                min={0}
                hint="no limit"
                value={rateText}
              />
            </div>
            <div class="row">
              <Button onClick={() => run(true)} disabled={doing.busy.value}>
                Dry run
              </Button>
              <Button primary onClick={() => run(false)} disabled={doing.busy.value}>
                Send back {what}
              </Button>
              {size > 0 && (
                <Button
                  quiet
                  onClick={() => {
                    selected.value = new Set()
                  }}
                >
                  Select none
                </Button>
              )}
            </div>
            {plan.value !== undefined && <Plan plan={plan.value} />}
            <Said doing={doing} />
          </>
        )}
        <MessageList
          queue={queue}
          version={props.version}
          selected={selected.value}
          onSelect={(position, isSelected) => {
            const next = new Set(selected.value)
            if (isSelected) next.add(position)
            else next.delete(position)
            selected.value = next
          }}
          accept={({ deaths }) =>
            from === undefined || (deaths[0]?.queue === from && deaths[0]?.reason === reason)
          }
        />
      </div>
    </section>
  )
}

function Plan({ plan }: { readonly plan: Redrive }) {
  const targets = Object.entries(plan.targets)
  return (
    <p class="note" role="status">
      {plan.planned === 0
        ? 'Nothing would be sent back.'
        : `${count(plan.planned)} would be sent back: ${targets
            .map(([queue, number]) => `${count(number)} to “${shownName(queue)}”`)
            .join(', ')}. Nothing has changed.`}
    </p>
  )
}

function Redrives(props: { readonly list: readonly Redrive[]; readonly onChange: () => void }) {
  const doing = useDoing()
  if (props.list.length === 0) return null
  const act = (redrive: Redrive, verb: 'cancel' | 'undo'): void => {
    void doing.run(async () => {
      const answer = await api<Redrive>(`/api/redrives/${redrive.id}/${verb}`, { body: {} })
      props.onChange()
      return verb === 'cancel'
        ? 'Stopped.'
        : `${count(answer.undone)} of ${count(answer.moved)} came back; the others were taken already.`
    })
  }
  return (
    <section class="panel" aria-label="Redrives">
      <header>
        <h2>Sent back</h2>
      </header>
      <div class="body stack">
        <Said doing={doing} />
        <ul class="plain redrives">
          {props.list.slice(0, 5).map(redrive => (
            <li key={redrive.id} class="row between">
              <span class="row">
                <RedriveState redrive={redrive} />
                <span>
                  {count(redrive.moved)} of {count(redrive.planned)} from{' '}
                  <strong>{shownName(redrive.queue)}</strong>
                  {redrive.skipped > 0 && `, ${count(redrive.skipped)} passed over`}
                  {redrive.undone > 0 && `, ${count(redrive.undone)} taken back`}
                  {redrive.failure !== null && `: ${redrive.failure}`}
                </span>
                <small>{duration(Date.now() - redrive.startedAt)} ago</small>
              </span>
              {redrive.state === 'running' && (
                <progress
                  aria-label="Progress"
                  max={redrive.planned}
                  value={redrive.moved + redrive.skipped}
                />
              )}
              {!isReadOnly() && redrive.state === 'running' && (
                <Button small onClick={() => act(redrive, 'cancel')}>
                  Stop
                </Button>
              )}
              {!isReadOnly() &&
                redrive.moved > 0 &&
                !['running', 'undone'].includes(redrive.state) && (
                  <Button small onClick={() => act(redrive, 'undo')}>
                    Undo
                  </Button>
                )}
            </li>
          ))}
        </ul>
      </div>
    </section>
  )
}

function RedriveState({ redrive }: { readonly redrive: Redrive }) {
  switch (redrive.state) {
    case 'done':
      return <Badge tone="good">✓ done</Badge>
    case 'running':
      return <Badge tone="ready">↻ running</Badge>
    case 'failed':
      return <Badge tone="bad">✕ failed</Badge>
    default:
      return <Badge>{redrive.state}</Badge>
  }
}
