/** Everything that is defined, as a file: out of this broker, and into it. */

import { useSignal } from '@preact/signals'
import type { ImportResult, RouteSummary } from '../../../src/admin/contract.ts'
import { api } from '../api.ts'
import { Button } from '../ui/button.tsx'
import { PageHead } from '../ui/page-head.tsx'
import { Table } from '../ui/table.tsx'
import { count, shownName } from './format.ts'
import { Said } from './said.tsx'
import { isReadOnly, Live } from './session.tsx'
import { useApi, useDoing } from './use-api.ts'

export function DefinitionsPage() {
  return (
    <Live>
      <DefinitionsForm />
    </Live>
  )
}

function DefinitionsForm() {
  const text = useSignal('')
  const result = useSignal<ImportResult | undefined>(undefined)
  const doing = useDoing()
  const load = (file: File | undefined): void => {
    void file?.text().then(content => {
      text.value = content
    })
  }
  const send = (event: Event): void => {
    event.preventDefault()
    result.value = undefined
    void doing.run(async () => {
      let document: unknown
      try {
        document = JSON.parse(text.value)
      } catch (error) {
        throw new Error(`This is no JSON: ${(error as Error).message}`)
      }
      const answer = await api<ImportResult>('/api/definitions', { body: document })
      result.value = answer
      return `${count(answer.made)} made, ${count(answer.kept)} were there already.`
    })
  }
  return (
    <>
      <PageHead title="Definitions">
        Queues, routes, bindings and topics as one JSON document. Messages and users are not in it,
        nor are streams of Redis, which their first entry makes.
      </PageHead>
      <section class="panel" aria-label="Export">
        <header>
          <h2>Export</h2>
          <a class="button" href="/api/definitions" download="spillway-definitions.json">
            Download
          </a>
        </header>
      </section>
      <RouteList />
      {!isReadOnly() && (
        <section class="panel" aria-label="Import">
          <header>
            <h2>Import</h2>
          </header>
          <form class="body stack" onSubmit={send}>
            <p>What is there already stays as it is.</p>
            <label class="field">
              <span class="label">A file</span>
              <input
                class="input"
                type="file"
                accept="application/json,.json"
                onChange={event => load(event.currentTarget.files?.[0])}
              />
            </label>
            <label class="field">
              <span class="label">Or its text</span>
              <textarea
                class="input code-input"
                rows={10}
                spellcheck={false}
                value={text.value}
                onInput={event => {
                  text.value = event.currentTarget.value
                }}
              />
            </label>
            <Said doing={doing} />
            {result.value !== undefined && result.value.failed.length > 0 && (
              <ul class="plain note bad">
                {result.value.failed.map(({ name, message }) => (
                  <li key={name}>
                    <strong>{name}</strong>: {message}
                  </li>
                ))}
              </ul>
            )}
            <div>
              <Button primary submit disabled={doing.busy.value || text.value === ''}>
                Import
              </Button>
            </div>
          </form>
        </section>
      )}
    </>
  )
}

/** Exchanges that RabbitMQ has from the start, in any virtual host. */
function isBuiltIn(name: string): boolean {
  return /(^|[^\w.])amq\./.test(name)
}

/** What routes (RabbitMQ's exchanges), and to how many. */
function RouteList() {
  const list = useApi<RouteSummary[]>('/api/routes')
  const doing = useDoing()
  const remove = (name: string): void => {
    void doing.run(async () => {
      await api(`/api/routes/${encodeURIComponent(name)}?unless=used`, { method: 'DELETE' })
      list.again()
      return `${shownName(name)} was deleted.`
    })
  }
  return (
    <>
      <Said doing={doing} />
      <Table<RouteSummary>
        caption="Routes"
        columns={[
          { id: 'name', title: 'Route', cell: row => shownName(row.name) },
          { id: 'kind', title: 'Kind', cell: row => row.config.kind },
          {
            id: 'bindings',
            title: 'Bindings',
            numeric: true,
            cell: row => count(row.bindings.length),
          },
          ...(isReadOnly()
            ? []
            : [
                {
                  id: 'delete',
                  title: 'Delete, if unused',
                  cell: (row: RouteSummary) =>
                    isBuiltIn(row.name) ? (
                      'built in'
                    ) : (
                      <Button
                        small
                        quiet
                        label={`Delete ${shownName(row.name)}`}
                        disabled={doing.busy.value || row.bindings.length > 0}
                        onClick={() => remove(row.name)}
                      >
                        Delete
                      </Button>
                    ),
                },
              ]),
        ]}
        rows={list.value.value ?? []}
        rowId={row => row.name}
        empty="There are no routes."
      />
    </>
  )
}
