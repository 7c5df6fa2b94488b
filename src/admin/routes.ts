/**
 * One table of the API: what is served, what it takes, and the document that says so. A route that
 * is not in the table is not served, and one that is there is documented.
 */

import type { Context } from 'hono'
import type { AdminApp } from './answers.ts'

export interface Field {
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object'
  readonly text: string
  readonly required?: boolean
  readonly values?: readonly string[]
}

export type Fields = { readonly [name: string]: Field }

export interface Route {
  readonly method: 'get' | 'put' | 'post' | 'delete'
  /** With `:name` for what varies. */
  readonly path: `/${string}`
  readonly tag: string
  readonly summary: string
  readonly query?: Fields
  readonly body?: Fields
  /** What the answer is, by the name of its type in `contract.ts`. */
  readonly answer: string
  /** Before anybody has signed in. */
  readonly open?: boolean
  handle(context: Context): Response | Promise<Response>
}

export function register(app: AdminApp, routes: readonly Route[]): void {
  for (const { method, path, handle } of routes) app[method](path, context => handle(context))
}

/** OpenAPI 3.1. */
export function openApi(routes: readonly Route[], version: string): object {
  const paths: { [path: string]: { [method: string]: object } } = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Spillway admin API',
      version,
      description:
        'Times are milliseconds since 1970, durations milliseconds, sizes bytes. Every answer ' +
        'waits until what it says is on the disk. State-changing requests are JSON.',
    },
    components: {
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic' },
        session: { type: 'apiKey', in: 'cookie', name: 'spillway_session' },
      },
      schemas: {
        ApiError: {
          type: 'object',
          required: ['error'],
          properties: {
            error: {
              type: 'object',
              required: ['code', 'message'],
              properties: { code: { type: 'string' }, message: { type: 'string' } },
            },
          },
        },
      },
    },
    paths,
  }
}

function operation({ path, tag, summary, query, body, answer, open }: Route): object {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name!)
  const parameters = [
    ...names.map(name => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...Object.entries(query ?? {}).map(([name, field]) => ({
      name,
      in: 'query',
      required: field.required === true,
      description: field.text,
      schema: schemaOf(field),
    })),
  ]
  const failure = {
    description: 'Refused: the code and the sentence say why.',
    content: { 'application/json': { schema: { $ref: '#/components/schemas/ApiError' } } },
  }
  return {
    tags: [tag],
    summary,
    ...(open === true ? { security: [] } : { security: [{}, { basic: [] }, { session: [] }] }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: requestBody(body) }),
    responses: {
      200: { description: answer, content: { [mediaType(answer)]: {} } },
      default: failure,
    },
  }
}

function mediaType(answer: string): string {
  return answer === 'Events' ? 'text/event-stream' : 'application/json'
}

function requestBody(fields: Fields): object {
  const required = Object.keys(fields).filter(name => fields[name]!.required === true)
  const properties = Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      { ...schemaOf(field), description: field.text },
    ]),
  )
  const schema = { type: 'object', properties, ...(required.length === 0 ? {} : { required }) }
  return { required: true, content: { 'application/json': { schema } } }
}

function schemaOf({ type, values }: Field): object {
  return { type, ...(values === undefined ? {} : { enum: values }) }
}
