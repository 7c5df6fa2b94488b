/**
 * `spillway studio [QUEUE …]`: opens the studio of a running broker; with `--url` of a backend,
 * serves one that is attached to it. A word `topic:NAME` is a topic.
 */

import { spawn } from 'node:child_process'
import { serveApp } from '../admin/http.ts'
import { connect } from '../client/client.ts'
import { ClientError } from '../client/errors.ts'
import { systemClock } from '../platform/clock.ts'
import { onStopSignal } from '../platform/process.ts'
import { systemRandom } from '../platform/random.ts'
import { AttachedBackend } from './attached/backend.ts'
import { asFailure, isClientUrl } from './bus.ts'
import { adminClient } from './client.ts'
import { CommandFailure, usageFailure } from './failure.ts'
import type { Command, CommandCall } from './main.ts'
import { readVersion } from './version.ts'

export const studio: Command = async call => {
  const { settings, words, output } = call
  if (isClientUrl(settings.url)) return serveAttached(call)
  if (words.length > 0) {
    throw usageFailure('a studio of its own broker shows all queues; leave the names out.')
  }
  await adminClient(settings.url).call('GET', '/api/session')
  output.data(settings.url)
  if (settings.open) openBrowser(settings.url)
  return 0
}

async function serveAttached({ settings, words, output }: CommandCall): Promise<number> {
  const { url, readOnlyStudio: readOnly, host } = settings
  if (!isLoopback(host)) {
    throw usageFailure('an attached studio has no users, so --host is a loopback address.')
  }
  let backend: AttachedBackend | undefined
  const bus = await connect(url, {
    name: 'spillway studio',
    emulate: 'allow',
    telemetry: false,
    onEvent: event => backend?.onEvent(event),
  }).catch((error: unknown) => {
    throw asFailure(error)
  })
  try {
    backend = new AttachedBackend(bus, { url, readOnly })
    for (const word of words) await watch(backend, word, output.error)
    const port = settings.http === 'off' ? 0 : settings.http + settings.portOffset
    const server = await listen(backend, { host, port, readOnly })
    const address = `http://${host.includes(':') ? `[${host}]` : host}:${server.port}`
    if (settings.json) output.json({ event: 'ready', url: `${address}/operate` })
    output.note(`  studio of ${backend.backend} on ${address}/operate`)
    if (settings.open) openBrowser(`${address}/operate`)
    await new Promise<void>(resolve => onStopSignal(() => resolve()))
    server.close(() => undefined)
    server.destroy()
  } finally {
    await bus.close()
  }
  return 0
}

/** What is not there is told, and the others are shown. */
async function watch(
  backend: AttachedBackend,
  word: string,
  tell: (line: string) => void,
): Promise<void> {
  const isTopic = word.startsWith('topic:')
  const name = isTopic ? word.slice('topic:'.length) : word
  try {
    await backend.watch({ name, kind: isTopic ? 'topic' : 'queue' })
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    tell(error.message)
  }
}

async function listen(
  backend: AttachedBackend,
  address: { readonly host: string; readonly port: number; readonly readOnly: boolean },
) {
  const startedAt = systemClock.now()
  const { host, port, readOnly } = address
  const open = async () => {
    const [{ attachedApp }, { studioFiles, studioFolder }] = await Promise.all([
      import('./attached/app.ts'),
      import('./studio-files.ts'),
    ])
    const about = {
      version: readVersion(),
      node: process.versions.node,
      startedAt,
      durability: '',
      data: undefined,
      host,
    }
    const ports = {
      clock: systemClock,
      random: systemRandom,
      about,
      endpoints: () => [],
      studio: studioFiles(studioFolder()),
      readOnly,
    }
    return { app: attachedApp(ports, backend), stop: () => undefined }
  }
  return await serveApp(open, systemClock, { host, port }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    const text = `${port} is in use. Use --http=0, or --http=${port + 1}.`
    throw new CommandFailure('SPILLWAY_E_PORT', text)
  })
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** The desktop's own way to open an address; where there is none, the address has been printed. */
function openBrowser(url: string): void {
  const command = { darwin: 'open', win32: 'explorer' }[process.platform as 'darwin'] ?? 'xdg-open'
  const child = spawn(command, [url], { stdio: 'ignore', detached: true })
  child.on('error', () => undefined)
  child.unref()
}
