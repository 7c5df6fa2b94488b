/**
 * A real Chromium for the studio's tests, and the studio's build on a port. The binary is the
 * machine's own (Debian's `chromium`): nothing is downloaded. Where there is none, the tests say so
 * and are skipped.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { repositoryFolder } from '../harness/broker.ts'

/** The chapters of the guide, by the last part of their address. */
export const chapters = [
  ...['problem', 'solution', 'simulator', 'how-it-works', 'code', 'when', 'guarantees'],
  ...['patterns', 'choosing', 'pitfalls', 'scale'],
]

const candidates = [
  process.env['SPILLWAY_CHROMIUM'] ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
]

/** The path of a Chromium, or undefined. */
export const chromiumPath = candidates.find(path => path !== '' && existsSync(path))

export const noChromium =
  chromiumPath === undefined &&
  'no Chromium here: install the package chromium, or name one in SPILLWAY_CHROMIUM'

/** Where the build is; made when it is missing or old. */
export function builtStudio(): string {
  const root = repositoryFolder()
  execFileSync(process.execPath, [join(root, 'studio/build/if-changed.mjs')], { cwd: root })
  return join(root, 'dist/studio')
}

const types: { readonly [extension: string]: string } = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

/** As strict as the broker's own: what works here needs nothing inline and no other host. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export interface Studio {
  readonly url: string
  /** A page in a context of its own. What goes wrong in it is in `problems`. */
  open(path: string, options?: OpenOptions): Promise<OpenPage>
  close(): Promise<void>
}

export interface OpenOptions {
  readonly colours?: 'light' | 'dark'
  readonly width?: number
  readonly reducedMotion?: boolean
}

export interface OpenPage {
  readonly page: Page
  readonly problems: string[]
  readonly hosts: Set<string>
  close(): Promise<void>
}

/** Serves the build with the policy, and starts the browser. */
export async function startStudio(): Promise<Studio> {
  const folder = builtStudio()
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const file = join(folder, pathname)
    const isFile = extname(pathname) !== '' && existsSync(file)
    const path = isFile ? file : join(folder, 'index.html')
    response.writeHead(200, {
      'content-type': types[extname(path)] ?? 'application/octet-stream',
      'content-security-policy': policy,
      // As the broker does: what has its contents in its name is asked for once.
      'cache-control': pathname.startsWith('/assets/') ? 'max-age=31536000, immutable' : 'no-cache',
    })
    response.end(readFileSync(path))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const browser = await startChromium()
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    open: (path, options = {}) => openPage(browser, url + path, options),
    close: async () => {
      await browser.close()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

export async function startChromium(): Promise<Browser> {
  return await chromium.launch({ executablePath: chromiumPath!, args: ['--no-sandbox'] })
}

export async function openPage(
  browser: Browser,
  url: string,
  options: OpenOptions = {},
): Promise<OpenPage> {
  const { colours = 'light', width = 1280, reducedMotion = false } = options
  const context: BrowserContext = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: colours,
    reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
  })
  const page = await context.newPage()
  const problems: string[] = []
  const hosts = new Set<string>()
  page.on('pageerror', error => problems.push(error.message))
  page.on('console', message => {
    if (message.type() === 'error') problems.push(message.text())
  })
  page.on('request', request => hosts.add(new URL(request.url()).host))
  await page.goto(url)
  await page.locator('main h1').waitFor()
  return { page, problems, hosts, close: () => context.close() }
}
