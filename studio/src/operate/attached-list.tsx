/** What is there on a backend that the studio is attached to, and choosing what to watch of it. */

import { useSignal } from '@preact/signals'
import type { AttachedListing, Watched, WatchRequest } from '../../../src/cli/attached/contract.ts'
import { api } from '../api.ts'
import { Button } from '../ui/button.tsx'
import { SelectField, TextField } from '../ui/field.tsx'
import { Table } from '../ui/table.tsx'
import { count, shownName } from './format.ts'
import { Said } from './said.tsx'
import { useApi, useDoing } from './use-api.ts'

/** A list of thousands is searched, not read. */
const shownMax = 100

export function Listing(props: {
  readonly watched: readonly Watched[]
  readonly again: () => void
}) {
  const asked = useApi<AttachedListing>('/api/attached-listing', 10_000)
  const search = useSignal('')
  const doing = useDoing()
  const listing = asked.value.value
  const watched = new Set(props.watched.map(({ name }) => name))
  const rows = (listing?.found ?? []).filter(({ name }) => name.includes(search.value))
  const shown = rows.slice(0, shownMax)
  const watch = (row: WatchRequest): void => {
    void doing.run(async () => {
      await api('/api/attached', { body: row })
      props.again()
      return undefined
    })
  }
  return (
    <section class="panel" aria-label="What is there">
      <header>
        <h2>What is there</h2>
        {listing?.found != null && <span>{count(listing.found.length)}</span>}
      </header>
      <div class="body stack">
        {asked.failure.value !== undefined && <p class="note bad">{asked.failure.value}</p>}
        {listing?.found === null && (
          <p class="note">This driver cannot list what is there: name it below.</p>
        )}
        {listing?.notes.map(note => (
          <p class="note" key={note}>
            {note}
          </p>
        ))}
        <Said doing={doing} />
        {listing?.found != null && (
          <>
            <TextField
              label="Part of a name, of all that is there"
              isQuiet
              type="search"
              hint="Part of a name"
              value={search}
            />
            <Table<WatchRequest>
              caption="All queues and topics there"
              columns={[
                { id: 'name', title: 'Name', cell: row => shownName(row.name) },
                { id: 'kind', title: 'Kind', cell: row => row.kind },
                {
                  id: 'watch',
                  title: 'Watched',
                  cell: row =>
                    watched.has(row.name) ? (
                      '✓ yes'
                    ) : (
                      <Button
                        small
                        label={`Watch ${shownName(row.name)}`}
                        disabled={doing.busy.value}
                        onClick={() => watch(row)}
                      >
                        Watch
                      </Button>
                    ),
                },
              ]}
              rows={shown}
              rowId={row => `${row.kind} ${row.name}`}
              empty={search.value === '' ? 'Nothing that is known.' : 'Nothing by that name.'}
            />
            {rows.length > shown.length && (
              <p class="note">
                And {count(rows.length - shown.length)} more: a part of the name finds them.
              </p>
            )}
          </>
        )}
      </div>
    </section>
  )
}

export function WatchForm({ again }: { readonly again: () => void }) {
  const name = useSignal('')
  const kind = useSignal<'queue' | 'topic'>('queue')
  const doing = useDoing()
  const watch = (event: Event): void => {
    event.preventDefault()
    void doing.run(async () => {
      await api('/api/attached', { body: { name: name.value.trim(), kind: kind.value } })
      name.value = ''
      again()
      return undefined
    })
  }
  return (
    <form class="panel" onSubmit={watch} aria-label="Watch by name">
      <header>
        <h2>Watch by name</h2>
      </header>
      <div class="body stack">
        <div class="fields">
          <TextField label="Name" value={name} required />
          <SelectField
            label="Kind"
            value={kind}
            choices={[
              ['queue', 'queue'],
              ['topic', 'topic'],
            ]}
          />
        </div>
        <Said doing={doing} />
        <div>
          <Button primary submit disabled={doing.busy.value}>
            Watch
          </Button>
        </div>
      </div>
    </form>
  )
}
