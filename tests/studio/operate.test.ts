/**
 * The live pages in a real Chromium, on a real broker: what clients of all four protocols sent is
 * shown, looking changes nothing, a redrive moves exactly the selected, and hostile content stays
 * text.
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import type { Browse, QueueDetail, QueuePage, RouteSummary } from '../../src/admin/contract.ts'
import {
  builtStudio,
  noChromium,
  type OpenOptions,
  type OpenPage,
  openPage,
  startChromium,
} from './browser.ts'
import { hostile, type Ports, sendByAll, startBroker } from './traffic.ts'

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
)

describe('the live pages', { skip: noChromium }, () => {
  let browser: Browser
  let ports: Ports
  let url = ''
  let stop = async (): Promise<void> => {}

  before(async () => {
    builtStudio()
    const started = await startBroker()
    ports = started.ports
    stop = started.stop
    url = `http://127.0.0.1:${ports.http}`
    await sendByAll(ports)
    browser = await startChromium()
  })
  after(async () => {
    await browser.close()
    await stop()
  })

  const open = (path: string, options: OpenOptions = {}) => openPage(browser, url + path, options)
  const ask = async <T>(path: string): Promise<T> => (await (await fetch(url + path)).json()) as T
  const expectClean = ({ problems, hosts }: OpenPage): void => {
    assert.deepEqual(problems, [])
    assert.deepEqual([...hosts], [`127.0.0.1:${ports.http}`])
  }

  it('lists queues and streams of all four protocols, and opens one by keyboard', async () => {
    const opened = await open('/operate/queues')
    const { page } = opened
    for (const name of ['orders', 'events', 'mails', 'clicks']) {
      await page.getByRole('link', { name, exact: true }).waitFor()
    }
    const text = await page.locator('.queue-list').innerText()
    for (const word of ['RabbitMQ queue', 'Kafka stream', 'SQS queue', 'Redis stream']) {
      assert.ok(text.includes(word), `${word} is shown`)
    }
    await page.keyboard.press('/')
    await page.keyboard.type('order')
    await page.getByRole('link', { name: 'events', exact: true }).waitFor({ state: 'detached' })
    await page.locator('.queue-list').focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'orders', exact: true }).waitFor()
    expectClean(opened)
    await opened.close()
  })

  it('shows what amqplib, kafkajs, the AWS SDK and ioredis sent, and changes nothing', async () => {
    const counters = () =>
      Promise.all(
        ['orders', 'events', 'mails', 'clicks'].map(async name => {
          const { rates: _, oldestAt: _at, ...rest } = await ask<QueueDetail>(`/api/queues/${name}`)
          return rest
        }),
      )
    const before = await counters()
    const senders = { orders: 'amqplib', events: 'kafkajs', mails: 'aws-sdk', clicks: 'ioredis' }
    const clients = { orders: 'amqplib', events: 'kafkajs', mails: 'client-sqs', clicks: 'ioredis' }
    for (const [queue, sender] of Object.entries(senders)) {
      const opened = await open(`/operate/queues/${queue}`)
      const { page } = opened
      const line = page.locator('.messages .message-line', { hasText: sender }).first()
      await line.click()
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
      await page.getByRole('button', { name: 'Copy code' }).click()
      await page.locator('.note', { hasText: 'Copied as code' }).waitFor()
      const code = await page.evaluate<string>('navigator.clipboard.readText()')
      assert.ok(
        code.includes(clients[queue as keyof typeof clients]) && code.includes(sender),
        code,
      )
      await page.getByRole('button', { name: 'Headers' }).click()
      await page.getByRole('button', { name: 'Way' }).click()
      await page.locator('.way li').first().waitFor()
      await page.getByRole('searchbox', { name: 'Search' }).fill(sender)
      await page.getByRole('button', { name: 'Look' }).click()
      await page.locator('.looked', { hasText: 'that is all' }).waitFor()
      assert.ok((await page.locator('.messages .message-line').count()) > 0)
      expectClean(opened)
      await opened.close()
    }
    assert.deepEqual(await counters(), before)
  })

  it('shows hostile bodies, keys and headers as text', async () => {
    const opened = await open('/operate/queues/orders')
    const { page } = opened
    const line = page.locator('.messages .message-line', { hasText: '<script>' }).first()
    await line.click()
    await page.locator('.body-block', { hasText: hostile }).waitFor()
    await page.getByRole('button', { name: 'Headers' }).click()
    await page.locator('.body-block', { hasText: 'onerror' }).waitFor()
    assert.equal(await page.evaluate('window.broken'), undefined)
    assert.equal(await page.locator('main img, main script').count(), 0)
    expectClean(opened)
    await opened.close()
  })

  it('shows a body of 10 MB without all of it', async () => {
    const body = `{"big":"${'x'.repeat(10_000_000)}"}`
    await post('/api/queues/mails/messages', { messages: [{ body }] })
    const opened = await open('/operate/queues/mails')
    const { page } = opened
    await page.locator('.message-line', { hasText: '10.0 MB' }).click()
    await page.locator('.note.warn', { hasText: 'The beginning of 10.0 MB' }).waitFor()
    const shown = await page.locator('main').innerText()
    assert.ok(shown.length < 400_000, `${shown.length} characters`)
    expectClean(opened)
    await opened.close()
  })

  const post = async (path: string, body: unknown): Promise<void> => {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
    assert.equal(answer.status, 200)
  }

  it('sends a message, and a live tail in another window shows it', async () => {
    const tail = await open('/operate/queues/orders?tab=tail')
    await tail.page.locator('.looked', { hasText: 'Listening' }).waitFor()
    const opened = await open('/operate/queues/orders?tab=send')
    await opened.page.getByLabel('Body').fill('{"hello":"tail"}')
    await opened.page.getByRole('button', { name: 'Send', exact: true }).last().click()
    await opened.page.locator('.note', { hasText: 'Sent.' }).waitFor()
    await tail.page.locator('.tail .message-line', { hasText: '"hello":"tail"' }).waitFor()
    expectClean(tail)
    expectClean(opened)
    await tail.close()
    await opened.close()
  })

  it('purges and deletes a queue by its buttons, after asking', async () => {
    const queues = [{ name: 'short-lived', config: { queue: {} } }]
    await post('/api/definitions', { spillway: 1, queues })
    await post('/api/queues/short-lived/messages', { messages: [{ body: 'a' }, { body: 'b' }] })
    const opened = await open('/operate/queues/short-lived')
    const { page } = opened
    await page.getByRole('button', { name: 'Purge…' }).click()
    await page.getByRole('button', { name: 'Purge 2 messages' }).click()
    await page.locator('.note', { hasText: '2 messages were purged' }).waitFor()
    await page.getByRole('button', { name: 'Delete…' }).click()
    await page.getByRole('button', { name: 'Delete “short-lived”' }).click()
    await page.waitForURL('**/operate/queues')
    assert.equal((await ask<QueuePage>('/api/queues?search=short-lived')).total, 0)
    // The page may ask for the queue's messages once more while it goes.
    const problems = opened.problems.filter(text => !text.includes('404'))
    expectClean({ ...opened, problems })
    await opened.close()
  })

  it('makes a route, alters it, and binds a queue to it', async () => {
    const opened = await open('/operate/definitions')
    const { page } = opened
    await page.getByRole('button', { name: 'New route' }).click()
    await page.getByLabel('Name', { exact: true }).fill('mail-topics')
    await page.getByLabel('Kind').selectOption('pattern')
    await page.getByRole('button', { name: 'Make it' }).click()
    await page.locator('.note', { hasText: 'mail-topics was made' }).waitFor()
    await page.getByRole('button', { name: 'Alter mail-topics' }).click()
    await page.getByLabel('What nobody is bound for').fill('amq.fanout')
    await page.getByRole('button', { name: 'Alter it' }).click()
    await page.locator('.note', { hasText: 'mail-topics was altered' }).waitFor()
    await page.goto(`${url}/operate/queues/mails?tab=settings`)
    await page.getByLabel('Bind to the route').fill('mail-topics')
    await page.getByLabel('With the key').fill('welcome.*')
    await page.getByRole('button', { name: 'Bind', exact: true }).click()
    await page.locator('li', { hasText: 'welcome.*' }).waitFor()
    const routes = await ask<RouteSummary[]>('/api/routes')
    const made = routes.find(({ name }) => name === 'mail-topics')
    assert.equal(made?.config.kind, 'pattern')
    assert.equal(made.config.alternate, 'amq.fanout')
    assert.deepEqual(
      made.bindings.map(({ target, key }) => [target.name, key]),
      [['mails', 'welcome.*']],
    )
    expectClean(opened)
    await opened.close()
  })

  it('groups dead letters by reason, redrives exactly the selected, and takes it back', async () => {
    const bodies = async (queue: string) => {
      const { messages } = await ask<Browse>(`/api/queues/${queue}/messages`)
      return messages.map(({ id }) => id)
    }
    const ordersBefore = await bodies('orders')
    const opened = await open('/operate/dead-letters')
    const { page } = opened
    await page.locator('.reason', { hasText: 'rejected by a consumer' }).click()
    await page.getByRole('checkbox', { name: 'Select message order-1' }).check()
    await page.getByRole('checkbox', { name: 'Select message order-3' }).check()
    await page.getByRole('button', { name: 'Dry run' }).click()
    await page.locator('.note', { hasText: '2 would be sent back: 2 to “orders”' }).waitFor()
    assert.deepEqual(await bodies('orders'), ordersBefore)
    await page.getByRole('button', { name: 'Send back 2 selected' }).click()
    await page.locator('.note', { hasText: '2 were sent back' }).waitFor()
    assert.deepEqual(await bodies('orders'), [...ordersBefore, 'order-1', 'order-3'])
    assert.deepEqual(await bodies('orders.dead'), ['order-0', 'order-2'])
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.locator('.note', { hasText: '2 of 2 came back' }).waitFor()
    assert.deepEqual(await bodies('orders'), ordersBefore)
    assert.deepEqual((await bodies('orders.dead')).sort(), [
      'order-0',
      'order-1',
      'order-2',
      'order-3',
    ])
    expectClean(opened)
    await opened.close()
  })

  it("sets a group's place, for Kafka and for Redis", async () => {
    const opened = await open('/operate/groups')
    const { page } = opened
    for (const [group, want] of [
      ['analytics', '2'],
      ['clicks:counters', '1'],
    ] as const) {
      const panel = page.locator('section.panel', { hasText: group })
      await panel.getByRole('button', { name: 'Set place…' }).click()
      await page.getByLabel('Go on').selectOption(group === 'analytics' ? 'skip' : 'earliest')
      await page.getByRole('button', { name: 'Set place', exact: true }).click()
      await page.locator('.note', { hasText: group }).waitFor()
      if (group === 'analytics') await panel.locator('td', { hasText: want }).first().waitFor()
    }
    expectClean(opened)
    await opened.close()
  })

  const pages = {
    overview: '/operate',
    queues: '/operate/queues',
    queue: '/operate/queues/orders',
    tail: '/operate/queues/orders?tab=tail',
    send: '/operate/queues/orders?tab=send',
    chart: '/operate/queues/orders?tab=chart',
    settings: '/operate/queues/orders?tab=settings',
    'dead-letters': '/operate/dead-letters?queue=orders.dead&from=orders&reason=rejected',
    groups: '/operate/groups',
    connections: '/operate/connections',
    definitions: '/operate/definitions',
    api: '/operate/api',
  }
  for (const colours of ['light', 'dark'] as const) {
    it(`fits wide and narrow, and axe-core finds nothing on any page, in ${colours}`, async () => {
      const opened = await open('/operate', { colours })
      const { page } = opened
      for (const [name, path] of Object.entries(pages)) {
        await page.setViewportSize({ width: 1280, height: 900 })
        await page.goto(url + path)
        await settle(page, name)
        for (const width of [1280, 390]) {
          await page.setViewportSize({ width, height: 900 })
          const overflow = await page.evaluate(
            'document.documentElement.scrollWidth - document.documentElement.clientWidth',
          )
          assert.equal(overflow, 0, `${name} does not scroll sideways at ${width} px`)
        }
        // What differs between the two is contrast.
        const rules = colours === 'light' ? '{}' : '{ runOnly: ["color-contrast"] }'
        assert.deepEqual(await violations(page, rules), [], `${name}, ${colours}`)
        expectClean(opened)
      }
      await opened.close()
    })
  }

  it('scrolls through ten thousand queues with few rows in the page', async () => {
    const queues = Array.from({ length: 10_000 }, (_, index) => ({
      name: `many-${String(index).padStart(5, '0')}`,
      config: { queue: {} },
    }))
    await post('/api/definitions', { spillway: 1, queues })
    assert.equal((await ask<QueuePage>('/api/queues?search=many-&limit=1')).total, 10_000)
    const opened = await open('/operate/queues?search=many-')
    const { page } = opened
    await page.getByRole('link', { name: 'many-00000' }).waitFor()
    await page.locator('.queue-list').evaluate(box => {
      box.scrollTop = box.scrollHeight
    })
    await page.getByRole('link', { name: 'many-09999' }).waitFor()
    assert.ok((await page.locator('.queue-list tbody tr').count()) < 100)
    expectClean(opened)
    await opened.close()
  })
})

/** Until what comes over the stream is there. */
async function settle(page: Page, name: string): Promise<void> {
  const wanted: { readonly [name: string]: string } = {
    overview: '.tile strong:not(:text-is("–"))',
    queues: '.queue-name',
    queue: '.messages .message-line',
    'dead-letters': '.messages .message-line',
    groups: '.table',
    api: '.routes li',
    connections: '.table',
  }
  await page
    .locator(wanted[name] ?? 'main h1')
    .first()
    .waitFor()
  if (name === 'overview') await page.locator('.time-chart canvas').first().waitFor()
  // A queue that was filled before the first sample has no history, and says so.
  if (name === 'chart') await page.locator('.time-chart :is(canvas, .note)').first().waitFor()
  if (name === 'queue') {
    await page.locator('.message-line', { hasText: 'amqplib' }).first().click()
    await page.locator('.message .facts').waitFor()
  }
}

async function violations(page: Page, rules: string): Promise<readonly string[]> {
  await page.evaluate(axeSource)
  return (await page.evaluate(`axe.run(document, ${rules}).then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ': ' + nodes.map(node => node.target.join(' ')).join(', ')))`)) as string[]
}
