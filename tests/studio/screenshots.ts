/**
 * `npm run screenshots -- [--into FOLDER] [word …]`
 *
 * A picture of every page at 1280 and 390 pixels, light and dark, to be looked at: the guide with
 * its scenes under way, and the live pages with what clients of all four protocols sent. With
 * words, only those whose name has one of them. Without a Chromium it says so.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { connect } from 'amqplib'
import type { Browser, Page } from 'playwright-core'
import { repositoryFolder } from '../harness/broker.ts'
import { builtStudio, chapters, chromiumPath, noChromium, startChromium } from './browser.ts'
import { sendByAll, startBroker } from './traffic.ts'

type Act = (page: Page) => Promise<void>

interface Shot {
  readonly name: string
  readonly path: string
  /** What makes the page worth looking at. */
  readonly act?: Act
}

const scene: Act = async page => {
  const scrub = page.locator('.scrub input').first()
  if ((await scrub.count()) > 0) await scrub.fill('12000')
}
const press =
  (...names: readonly (string | RegExp)[]): Act =>
  async page => {
    for (const name of names) await page.getByRole('button', { name }).first().click()
  }
const openMessage: Act = page => page.locator('.messages .message-line').first().click()

const shots: readonly Shot[] = [
  { name: 'home', path: '/' },
  ...chapters.map(chapter => ({
    name: `learn-${chapter}`,
    path: `/learn/${chapter}`,
    act: scene,
  })),
  { name: 'learn-simulator-code', path: '/learn/simulator', act: press('Code') },
  { name: 'overview', path: '/operate?span=60000' },
  { name: 'queues', path: '/operate/queues' },
  { name: 'queues-new', path: '/operate/queues', act: press('New queue') },
  { name: 'queue', path: '/operate/queues/orders' },
  { name: 'queue-message', path: '/operate/queues/orders', act: openMessage },
  { name: 'queue-send', path: '/operate/queues/orders?tab=send' },
  { name: 'queue-tail', path: '/operate/queues/orders?tab=tail' },
  { name: 'queue-chart', path: '/operate/queues/orders?tab=chart' },
  { name: 'queue-settings', path: '/operate/queues/orders?tab=settings' },
  { name: 'stream', path: '/operate/queues/events' },
  { name: 'dead-letters', path: '/operate/dead-letters' },
  {
    name: 'dead-letters-chosen',
    path: '/operate/dead-letters?queue=orders.dead&from=orders&reason=rejected',
    act: async page => {
      await page
        .getByRole('checkbox', { name: /Select message/ })
        .first()
        .check()
      await page.getByRole('button', { name: 'Dry run' }).click()
    },
  },
  { name: 'groups', path: '/operate/groups' },
  { name: 'groups-place', path: '/operate/groups', act: press('Set place…') },
  { name: 'connections', path: '/operate/connections' },
  { name: 'definitions', path: '/operate/definitions' },
  { name: 'definitions-route', path: '/operate/definitions', act: press('New route') },
  { name: 'api', path: '/operate/api' },
  { name: 'missing', path: '/operate/queues/there-is-none' },
]

/** Streams and scenes have come to rest; nothing on the page says so. */
const restMs = 700

async function takeAll(browser: Browser, url: string, folder: string): Promise<void> {
  for (const { name, path, act } of shots.filter(isWanted)) {
    for (const colours of ['light', 'dark'] as const) {
      for (const width of [1280, 390]) {
        const context = await browser.newContext({
          viewport: { width, height: width === 390 ? 844 : 900 },
          colorScheme: colours,
        })
        const page = await context.newPage()
        await page.goto(url + path)
        await page.locator('main h1').waitFor()
        await page.waitForTimeout(restMs)
        await act?.(page)
        await page.waitForTimeout(restMs / 2)
        const file = join(folder, `${name}-${width}-${colours}.png`)
        await page.screenshot({ path: file, fullPage: true })
        await context.close()
      }
    }
    console.log(name)
  }
}

const { values, positionals } = parseArgs({
  options: { into: { type: 'string' } },
  allowPositionals: true,
})

function isWanted({ name }: Shot): boolean {
  return positionals.length === 0 || positionals.some(word => name.includes(word))
}

if (chromiumPath === undefined) {
  console.error(noChromium)
  process.exit(1)
}
builtStudio()
const folder = values.into ?? join(repositoryFolder(), '.cache/screenshots')
mkdirSync(folder, { recursive: true })
const { ports, stop } = await startBroker()
await sendByAll(ports)
const connection = await connect(`amqp://guest:guest@127.0.0.1:${ports.amqp}`)
const channel = await connection.createChannel()
await channel.consume('mails', () => undefined)
const browser = await startChromium()
try {
  await takeAll(browser, `http://127.0.0.1:${ports.http}`, folder)
  console.log(`in ${folder}`)
} finally {
  await browser.close()
  await connection.close()
  await stop()
}
