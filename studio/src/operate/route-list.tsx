/** What routes (RabbitMQ's exchanges): making and altering one, and what it is bound to. */

import { useSignal } from '@preact/signals'
import type { RouteSummary } from '../../../src/admin/contract.ts'
import { api } from '../api.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { SelectField, TextField } from '../ui/field.tsx'
import { Table } from '../ui/table.tsx'
import { shownName } from './format.ts'
import { Said } from './said.tsx'
import { isReadOnly } from './session.tsx'
import { useApi, useDoing } from './use-api.ts'

const kinds = [
  ['direct', 'direct: where the key is the same'],
  ['fan-out', 'fan-out: to everything that is bound'],
  ['pattern', 'pattern: words of the key, * and #'],
  ['attributes', 'attributes: by the headers'],
  ['hash', 'hash: one of them, the same for each key'],
  ['random', 'random: one of them'],
] as const
type Kind = (typeof kinds)[number][0]

/** Exchanges that RabbitMQ has from the start, in any virtual host. */
function isBuiltIn(name: string): boolean {
  return /(^|[^\w.])amq\./.test(name)
}

function routeApi(name: string, rest = ''): string {
  return `/api/routes/${encodeURIComponent(name)}${rest}`
}

export function RouteList() {
  const list = useApi<RouteSummary[]>('/api/routes')
  const doing = useDoing()
  const making = useSignal(false)
  const altered = useSignal<RouteSummary | undefined>(undefined)
  const done = (text: string): void => {
    making.value = false
    altered.value = undefined
    list.again()
    doing.said.value = { tone: 'good', text }
  }
  const remove = (name: string): void => {
    void doing.run(async () => {
      await api(routeApi(name, '?unless=used'), { method: 'DELETE' })
      list.again()
      return `${shownName(name)} was deleted.`
    })
  }
  return (
    <section class="panel" aria-label="Routes">
      <header>
        <h2>Routes</h2>
        {!isReadOnly() && (
          <Button
            onClick={() => {
              making.value = true
            }}
          >
            New route
          </Button>
        )}
      </header>
      <div class="body stack">
        <Said doing={doing} />
        <Table<RouteSummary>
          caption="All routes"
          columns={[
            { id: 'name', title: 'Name', cell: row => shownName(row.name) },
            { id: 'kind', title: 'Kind', cell: row => row.config.kind },
            ...(isReadOnly()
              ? []
              : [
                  {
                    id: 'change',
                    title: 'Change',
                    cell: (row: RouteSummary) => (
                      <span class="row">
                        <Button
                          small
                          label={`Alter ${shownName(row.name)}`}
                          onClick={() => {
                            altered.value = row
                          }}
                        >
                          Alter…
                        </Button>
                        {!isBuiltIn(row.name) && (
                          <Button
                            small
                            danger
                            label={`Delete ${shownName(row.name)}${row.bindings.length > 0 ? ', once it has no bindings' : ''}`}
                            disabled={doing.busy.value || row.bindings.length > 0}
                            onClick={() => remove(row.name)}
                          >
                            Delete
                          </Button>
                        )}
                      </span>
                    ),
                  },
                ]),
            { id: 'bindings', title: 'Bound to', cell: row => <Targets of={row} /> },
            {
              id: 'rest',
              title: 'Else to',
              cell: row => (row.config.alternate == null ? '–' : shownName(row.config.alternate)),
            },
          ]}
          rows={list.value.value ?? []}
          rowId={row => row.name}
          empty={list.value.value === undefined ? 'Asking…' : 'There are no routes.'}
        />
      </div>
      <Dialog
        title="New route"
        open={making.value}
        onClose={() => {
          making.value = false
        }}
      >
        <NewRoute onDone={done} />
      </Dialog>
      <Dialog
        title={`Alter ${shownName(altered.value?.name ?? '')}`}
        open={altered.value !== undefined}
        onClose={() => {
          altered.value = undefined
        }}
      >
        {altered.value !== undefined && <Alter route={altered.value} onDone={done} />}
      </Dialog>
    </section>
  )
}

const targetsShown = 3

function Targets({ of }: { readonly of: RouteSummary }) {
  const { bindings } = of
  if (bindings.length === 0) return <>–</>
  const names = [...new Set(bindings.map(({ target }) => target.name))]
  const rest = names.length - targetsShown
  return (
    <>
      {names.slice(0, targetsShown).map(shownName).join(', ')}
      {rest > 0 && ` and ${rest} more`}
    </>
  )
}

function NewRoute({ onDone }: { readonly onDone: (text: string) => void }) {
  const name = useSignal('')
  const kind = useSignal<Kind>('direct')
  const alternate = useSignal('')
  const doing = useDoing()
  const make = (event: Event): void => {
    event.preventDefault()
    void doing.run(async () => {
      const config = { kind: kind.value, ...(alternate.value && { alternate: alternate.value }) }
      await api(routeApi(name.value), { method: 'PUT', body: config })
      onDone(`${shownName(name.value)} was made.`)
      return undefined
    })
  }
  return (
    <form class="stack" onSubmit={make}>
      <TextField label="Name" value={name} required />
      <SelectField label="Kind" value={kind} choices={kinds} />
      <TextField label="What nobody is bound for goes to the route" value={alternate} hint="none" />
      <Said doing={doing} />
      <div>
        <Button primary submit disabled={doing.busy.value}>
          Make it
        </Button>
      </div>
    </form>
  )
}

function Alter(props: { readonly route: RouteSummary; readonly onDone: (text: string) => void }) {
  const { name, config } = props.route
  const alternate = useSignal(config.alternate ?? '')
  const autoDrop = useSignal<'stays' | 'goes'>(config.autoDrop ? 'goes' : 'stays')
  const doing = useDoing()
  const alter = (event: Event): void => {
    event.preventDefault()
    void doing.run(async () => {
      const changes = {
        alternate: alternate.value === '' ? null : alternate.value,
        autoDrop: autoDrop.value === 'goes',
      }
      await api(routeApi(name, '/alter'), { body: changes })
      props.onDone(`${shownName(name)} was altered.`)
      return undefined
    })
  }
  return (
    <form class="stack" onSubmit={alter}>
      <p class="note">A route of the kind {config.kind}: the kind cannot change.</p>
      <TextField label="What nobody is bound for goes to the route" value={alternate} hint="none" />
      <SelectField
        label="When its last binding is taken away"
        value={autoDrop}
        choices={[
          ['stays', 'it stays'],
          ['goes', 'it is deleted'],
        ]}
      />
      <Said doing={doing} />
      <div>
        <Button primary submit disabled={doing.busy.value}>
          Alter it
        </Button>
      </div>
    </form>
  )
}
