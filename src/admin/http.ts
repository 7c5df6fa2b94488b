/**
 * The admin API on a port. Binding needs node:http only; the application and its libraries are
 * loaded right afterwards, because they take as long as the rest of the start together. A request
 * that comes earlier waits for them.
 */

import { createServer, type RequestListener, type Server } from 'node:http'
import type { Clock } from '../engine/ports.ts'
import type { Admin } from './app.ts'
import type { AdminPorts } from './ports.ts'

export interface AdminServer {
  readonly host: string
  readonly port: number
  /** No further connections; `done` when the open requests have been answered. */
  close(done: () => void): void
  /** Cuts off the requests that are still open. */
  destroy(): void
}

export interface AdminListen {
  readonly host: string
  readonly port: number
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
}

/** Rejects with an errno name in `code`, such as `EADDRINUSE`. */
export function serveAdmin(ports: AdminPorts, address: AdminListen): Promise<AdminServer> {
  const open = async () => (await import('./app.ts')).openAdmin(ports)
  return serveApp(open, ports.clock, address)
}

/** Any application of this kind behind a port. */
export async function serveApp(
  open: () => Promise<Admin>,
  clock: Clock,
  address: AdminListen,
): Promise<AdminServer> {
  let application: Promise<Application> | undefined
  let isClosed = false
  const load = (): Promise<Application> => {
    application ??= loadApplication(open)
    return application
  }
  const stop = (): void => {
    isClosed = true
    void application?.then(loaded => loaded.stop())
  }
  const answer: RequestListener = (request, response) => {
    load().then(
      ({ listener }) => listener(request, response),
      (error: Error) => response.writeHead(500).end(error.message),
    )
  }
  const server = await createListening(answer, address)
  // After this turn, so that whoever waits for the port goes on first.
  clock.soon(() => {
    if (!isClosed) void load().catch(() => {})
  })
  const bound = server.address()
  return {
    host: address.host,
    port: typeof bound === 'object' && bound !== null ? bound.port : address.port,
    close: done => {
      stop()
      server.close(() => done())
      server.closeIdleConnections()
    },
    destroy: () => {
      stop()
      server.closeAllConnections()
    },
  }
}

async function createListening(answer: RequestListener, address: AdminListen): Promise<Server> {
  const { host, port, tls } = address
  const server =
    tls === undefined
      ? createServer(answer)
      : (await import('node:https')).createServer({ ...tls }, answer)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
  return server
}

interface Application {
  readonly listener: RequestListener
  stop(): void
}

async function loadApplication(open: () => Promise<Admin>): Promise<Application> {
  const [{ getRequestListener }, { app, stop }] = await Promise.all([
    import('@hono/node-server'),
    open(),
  ])
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false })
  return { listener: (request, response) => void listener(request, response), stop }
}
