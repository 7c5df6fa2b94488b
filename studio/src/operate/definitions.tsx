/** Everything that is defined, as a file: out of this broker, and into it. */

import { useSignal } from '@preact/signals'
import type { ImportResult } from '../../../src/admin/contract.ts'
import { api } from '../api.ts'
import { Button } from '../ui/button.tsx'
import { PageHead } from '../ui/page-head.tsx'
import { count } from './format.ts'
import { RouteList } from './route-list.tsx'
import { Said } from './said.tsx'
import { isReadOnly, Live } from './session.tsx'
import { useDoing } from './use-api.ts'

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
