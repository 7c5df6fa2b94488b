/**
 * The studio's files, and the page that they belong to. Everything that is not a file of its own is
 * the page, which looks at the path by itself.
 */

import type { Context } from 'hono'
import type { AdminApp } from './answers.ts'
import type { AdminPorts, StudioFile } from './ports.ts'

/** No script but our own files, no style in the document, nothing from another host. */
export const studioPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export function addStudio(app: AdminApp, ports: Pick<AdminPorts, 'studio' | 'about'>): void {
  // The same page behind each door, with what is needed there named in its head.
  const page = (context: Context): Response => {
    const file = ports.studio?.(doorOf(context.req.path)) ?? ports.studio?.('index.html')
    if (file === undefined) return context.json(plainAnswer(ports))
    return answerFile(context, file)
  }
  app.get('/', context => {
    const wantsPage = context.req.header('accept')?.includes('text/html') === true
    return wantsPage ? page(context) : context.json(plainAnswer(ports))
  })
  for (const path of ['/learn', '/learn/*', '/operate', '/operate/*', '/api-docs']) {
    app.get(path, page)
  }
  for (const path of ['/assets/*', '/theme.js', '/icon.svg']) {
    app.get(path, (context, next) => {
      const file = ports.studio?.(context.req.path.slice(1))
      return file === undefined ? next() : Promise.resolve(answerFile(context, file))
    })
  }
}

function doorOf(path: string): string {
  const live = /^\/operate(?:\/([a-z-]+)(\/.+)?)?\/?$/.exec(path)
  if (live !== null) {
    const [, page, below] = live
    if (page === undefined) return 'operate.html'
    return below === undefined ? `operate-${page}.html` : 'operate-queue.html'
  }
  const chapter = /^\/learn\/([a-z-]+)\/?$/.exec(path)?.[1]
  return chapter === undefined ? 'home.html' : `learn-${chapter}.html`
}

function plainAnswer({ about }: Pick<AdminPorts, 'about'>) {
  return {
    name: 'spillway',
    version: about.version,
    paths: [
      '/api/openapi.json',
      '/api/overview',
      '/api/queues',
      '/api/connections',
      '/metrics',
      '/readyz',
      '/livez',
    ],
  }
}

function answerFile(context: Context, file: StudioFile): Response {
  context.header('content-security-policy', studioPolicy)
  context.header('referrer-policy', 'no-referrer')
  context.header('cross-origin-opener-policy', 'same-origin')
  context.header('vary', 'accept-encoding')
  context.header('etag', file.tag)
  context.header(
    'cache-control',
    file.immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
  )
  if (context.req.header('if-none-match') === file.tag) return context.body(null, 304)
  const accepted = context.req.header('accept-encoding') ?? ''
  const encoding = ['br', 'gzip'].find(
    name => accepted.includes(name) && file.packed[name] !== undefined,
  )
  const bytes = encoding === undefined ? file.bytes : file.packed[encoding]!
  if (encoding !== undefined) context.header('content-encoding', encoding)
  return context.body(new Uint8Array(bytes), 200, { 'content-type': file.type })
}
