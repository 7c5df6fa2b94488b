/** The JSON API, as its own document tells it. */

import { PageHead } from '../ui/page-head.tsx'
import { Live } from './session.tsx'
import { useApi } from './use-api.ts'

interface Operation {
  readonly tags: readonly string[]
  readonly summary: string
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly description?: string
  }[]
  readonly requestBody?: {
    readonly content: {
      readonly 'application/json': {
        readonly schema: {
          readonly properties: { readonly [name: string]: { readonly description?: string } }
          readonly required?: readonly string[]
        }
      }
    }
  }
  readonly responses: { readonly 200: { readonly description: string } }
}

interface Document {
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } }
}

export function ApiPage() {
  return (
    <Live>
      <ApiDocument />
    </Live>
  )
}

function ApiDocument() {
  const asked = useApi<Document>('/api/openapi.json')
  const paths = Object.entries(asked.value.value?.paths ?? {})
  const byTag = new Map<string, { path: string; method: string; operation: Operation }[]>()
  for (const [path, methods] of paths) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0] ?? ''
      byTag.set(tag, [...(byTag.get(tag) ?? []), { path, method, operation }])
    }
  }
  return (
    <>
      <PageHead
        title="JSON API"
        actions={
          <a class="button" href="/api/openapi.json" download="openapi.json">
            OpenAPI document
          </a>
        }
      >
        What these pages do, your scripts can do. For example:{' '}
        <code>curl {location.origin}/api/queues</code>
      </PageHead>
      {asked.failure.value !== undefined && <p class="note bad">{asked.failure.value}</p>}
      {[...byTag].map(([tag, list]) => (
        <section class="panel" key={tag} aria-label={tag}>
          <header>
            <h2 class="capital">{tag}</h2>
          </header>
          <ul class="routes">
            {list.map(({ path, method, operation }) => (
              <li key={`${method} ${path}`}>
                <details>
                  <summary>
                    <span class={`method ${method}`}>{method.toUpperCase()}</span>
                    <code>{path}</code>
                    <span>{operation.summary}</span>
                  </summary>
                  <Fields operation={operation} />
                </details>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </>
  )
}

function Fields({ operation }: { readonly operation: Operation }) {
  const query = operation.parameters?.filter(each => each.in === 'query') ?? []
  const body = operation.requestBody?.content['application/json'].schema
  return (
    <dl class="api-fields">
      {query.map(({ name, description }) => (
        <div key={name}>
          <dt>
            <code>?{name}</code>
          </dt>
          <dd>{description}</dd>
        </div>
      ))}
      {Object.entries(body?.properties ?? {}).map(([name, { description }]) => (
        <div key={name}>
          <dt>
            <code>{name}</code>
            {body?.required?.includes(name) === true && ' (needed)'}
          </dt>
          <dd>{description}</dd>
        </div>
      ))}
      <div>
        <dt>Answer</dt>
        <dd>
          <code>{operation.responses[200].description}</code>
        </dd>
      </div>
    </dl>
  )
}
