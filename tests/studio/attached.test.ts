/** A studio that looks at another backend, in a real Chromium. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { type AdminServer, serveApp } from '../../src/admin/http.ts'
import { attachedApp } from '../../src/cli/attached/app.ts'
import { AttachedBackend } from '../../src/cli/attached/backend.ts'
import { studioFiles } from '../../src/cli/studio-files.ts'
import { type Bus, connect, queue } from '../../src/client/client.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { systemRandom } from '../../src/platform/random.ts'
import { builtStudio, noChromium, openPage, startChromium } from './browser.ts'
import { hostile } from './traffic.ts'

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
)

describe('an attached studio', { skip: noChromium }, () => {
  let bus: Bus
  let browser: Browser
  let server: AdminServer
  let url = ''

  before(async () => {
    const studio = studioFiles(builtStudio())
    bus = await connect('memory:', { telemetry: false })
    await bus.send(queue<unknown>('orders'), [{ id: 1 }, { note: hostile }])
    await bus.send(queue<unknown>('payments'), { id: 1 })
    const backend = new AttachedBackend(bus, { url: 'memory:', readOnly: false })
    const about = {
      version: '1',
      node: '20',
      startedAt: 0,
      durability: '',
      data: undefined,
      host: '127.0.0.1',
    }
    const endpoints = () => []
    const ports = { clock: systemClock, random: systemRandom, about, endpoints, studio }
    const app = attachedApp(ports, backend)
    const open = () => Promise.resolve({ app, stop: () => undefined })
    server = await serveApp(open, systemClock, { host: '127.0.0.1', port: 0 })
    url = `http://127.0.0.1:${server.port}`
    browser = await startChromium()
  })
  after(async () => {
    await browser.close()
    server.close(() => undefined)
    server.destroy()
    await bus.close()
  })

  it('watches a queue by its name, shows its messages as text, and sends', async () => {
    const { page, problems, close } = await openPage(browser, `${url}/operate`)
    await page.getByRole('button', { name: 'Watch orders', exact: true }).click()
    await page.getByRole('link', { name: 'orders' }).click()
    await page.locator('.badge.ready', { hasText: '2 ready' }).waitFor()
    await page.locator('.fold').nth(1).locator('summary').click()
    await page.locator('.fold pre', { hasText: 'window.broken=1' }).first().waitFor()
    assert.equal(await page.evaluate('globalThis.broken'), undefined)
    await page.getByRole('button', { name: 'Send', exact: true }).first().click()
    await page.getByLabel('Body').fill('{"id":3}')
    await page.getByRole('button', { name: 'Send', exact: true }).last().click()
    await page.locator('.note', { hasText: 'confirmed by the backend' }).waitFor()
    await page.locator('.badge.ready', { hasText: '3 ready' }).waitFor()
    await page.getByRole('link', { name: 'Queues and streams' }).click()
    await page.getByLabel('Name', { exact: true }).fill('payments')
    await page.getByRole('button', { name: 'Watch', exact: true }).click()
    await page.getByRole('link', { name: 'payments' }).waitFor()
    assert.deepEqual(problems, [])
    await close()
  })

  it('says on each page what its driver cannot tell, and axe-core finds nothing', async () => {
    const { page, problems, close } = await openPage(browser, `${url}/operate`)
    const paths = ['', '/queues/orders', '/dead-letters', '/groups', '/connections', '/definitions']
    for (const path of paths) {
      await page.goto(`${url}/operate${path}`)
      await page.locator('main h1').waitFor()
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 900 })
        const wide = await page.evaluate('document.documentElement.scrollWidth')
        assert.equal(wide, width, `${path} at ${width}`)
      }
      assert.deepEqual(await violations(page), [], path)
    }
    await page.getByText('drivers do not read back').waitFor()
    assert.deepEqual(problems, [])
    await close()
  })
})

async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axeSource)
  return await page.evaluate<string[]>(`axe.run().then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ': ' + nodes[0].html.slice(0, 160)))`)
}
