/** Groups of readers: how far behind they are, and setting their places. */

import { useSignal } from '@preact/signals'
import type { Group, GroupPlace, GroupReset } from '../../../src/admin/contract.ts'
import { api } from '../api.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Empty } from '../ui/empty.tsx'
import { SelectField, TextField } from '../ui/field.tsx'
import { PageHead } from '../ui/page-head.tsx'
import { count, queueHref, shownName } from './format.ts'
import { Said } from './said.tsx'
import { isReadOnly, Live } from './session.tsx'
import { type Doing, useApi, useDoing } from './use-api.ts'

export function Groups() {
  return (
    <Live>
      <GroupsPage />
    </Live>
  )
}

function groupApi({ protocol, group }: Group, rest = ''): string {
  return `/api/groups/${protocol}/${encodeURIComponent(group)}${rest}`
}

function GroupsPage() {
  const list = useApi<Group[]>('/api/groups', 2000)
  const doing = useDoing()
  const setting = useSignal<{ group: Group; place: GroupPlace } | undefined>(undefined)
  const groups = list.value.value
  return (
    <>
      <PageHead title="Groups">
        Who reads which stream, how far behind they are, and where they go on.
      </PageHead>
      <Said doing={doing} />
      {list.failure.value !== undefined && <p class="note bad">{list.failure.value}</p>}
      {groups?.length === 0 && (
        <Empty title="No groups">
          <p>Consumer groups of Kafka and Redis Streams are shown here once there are some.</p>
        </Empty>
      )}
      {groups?.map(group => (
        <section class="panel" key={`${group.protocol} ${group.group}`} aria-label={group.group}>
          <header>
            <h2>{shownName(group.group)}</h2>
            <span class="row">
              <Badge tone={group.members.length > 0 ? 'good' : 'warn'}>
                {group.members.length > 0 ? '●' : '◔'} {group.state || 'group'}
              </Badge>
              <Badge>{group.protocol}</Badge>
              {!isReadOnly() && group.members.length === 0 && group.protocol !== 'engine' && (
                <Button
                  small
                  danger
                  onClick={() =>
                    void doing.run(async () => {
                      await api(groupApi(group), { method: 'DELETE' })
                      list.again()
                      return `“${group.group}” is forgotten.`
                    })
                  }
                >
                  Forget
                </Button>
              )}
            </span>
          </header>
          <div class="body stack">
            <Places
              group={group}
              onSet={place => {
                setting.value = { group, place }
              }}
            />
            <Members group={group} doing={doing} onChange={list.again} />
          </div>
        </section>
      ))}
      {setting.value !== undefined && (
        <ResetDialog
          {...setting.value}
          doing={doing}
          onClose={() => {
            setting.value = undefined
            list.again()
          }}
        />
      )}
    </>
  )
}

function Places(props: { readonly group: Group; readonly onSet: (place: GroupPlace) => void }) {
  const { group } = props
  if (group.places.length === 0) return <p>No place yet: it has committed nothing.</p>
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="table-scroll" tabIndex={0} aria-label={`Places of ${group.group}`}>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Stream</th>
            <th scope="col" class="num">
              Place
            </th>
            <th scope="col" class="num">
              Lag
            </th>
            <th scope="col" class="num">
              Pending
            </th>
            <th scope="col">
              <span class="visually-hidden">What can be done</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {group.places.map(place => (
            <tr key={place.log}>
              <th scope="row">
                <a href={queueHref(place.log)}>{shownName(place.log)}</a>
              </th>
              <td class="num">{place.at}</td>
              <td class="num">{place.lag === null ? '–' : count(place.lag)}</td>
              <td class="num">{count(place.pending)}</td>
              <td class="num">
                {!isReadOnly() && group.protocol !== 'engine' && (
                  <Button small onClick={() => props.onSet(place)}>
                    Set place…
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function Members(props: {
  readonly group: Group
  readonly doing: Doing
  readonly onChange: () => void
}) {
  const { group, doing } = props
  if (group.members.length === 0) return <p class="looked">Nobody reads for it right now.</p>
  return (
    <ul class="plain" aria-label="Members">
      {group.members.map(({ id, client, detail }) => (
        <li key={id} class="row between">
          <span>
            <strong>{shownName(client)}</strong> <small>{detail}</small> <code>{id}</code>
          </span>
          {!isReadOnly() && (
            <Button
              small
              onClick={() =>
                void doing.run(async () => {
                  await api(groupApi(group, '/kick'), { body: { member: id } })
                  props.onChange()
                  return `${client} was put out.`
                })
              }
            >
              Put out
            </Button>
          )}
        </li>
      ))}
    </ul>
  )
}

const targets = [
  ['earliest', 'from the earliest message'],
  ['latest', 'with what comes from now on'],
  ['skip', 'past this one message'],
  ['time', 'from a time (UTC)'],
  ['at', 'from an offset or id'],
] as const
type Target = (typeof targets)[number][0]

function ResetDialog(props: {
  readonly group: Group
  readonly place: GroupPlace
  readonly doing: Doing
  readonly onClose: () => void
}) {
  const { group, place, doing, onClose } = props
  const kind = useSignal<Target>('earliest')
  const text = useSignal('')
  const run = (): void => {
    const chosen = kind.value
    const to: GroupReset['to'] =
      chosen === 'time'
        ? { time: Date.parse(`${text.value}Z`) }
        : chosen === 'at'
          ? { at: text.value }
          : chosen
    const body: GroupReset = { log: place.log, to }
    void doing.run(async () => {
      await api(groupApi(group, '/reset'), { body })
      return `“${group.group}” goes on elsewhere in “${place.log}”.`
    })
    onClose()
  }
  return (
    <Dialog
      title={`Where “${group.group}” goes on`}
      open
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Leave it</Button>
          <Button primary onClick={run}>
            Set place
          </Button>
        </>
      }
    >
      <div class="stack">
        <p>
          In <strong>{shownName(place.log)}</strong> it is at {place.at}.
          {group.protocol === 'kafka' &&
            group.members.length > 0 &&
            ' It has members: stop them first, they would not notice.'}
        </p>
        <SelectField label="Go on" value={kind} choices={targets} />
        {kind.value === 'time' && (
          <TextField label="Time, UTC" hint="2026-01-31T12:00" value={text} />
        )}
        {kind.value === 'at' && <TextField label="Offset or id" value={text} />}
      </div>
    </Dialog>
  )
}
