import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { fromQuery } from '../../src/simulator/link.ts'
import { simulator } from '../../src/simulator/scenarios/guide.ts'
import { pitfalls } from '../../src/simulator/scenarios/pitfalls.ts'
import { Simulation } from '../../src/simulator/simulation.ts'
import { chapters, noChromium, type Studio, startStudio } from './browser.ts'

/** The ledger as the page shows it. */
async function ledgerOf(page: Page): Promise<{ [name: string]: number }> {
  const entries = await page.locator('.scene .ledger [data-count]').evaluateAll(nodes =>
    nodes.map(node => {
      const figure = node.querySelector('dd')?.textContent ?? ''
      return [node.getAttribute('data-count'), Number(figure.replace(/[^\d]/g, ''))]
    }),
  )
  return Object.fromEntries(entries)
}

function shown(run: Simulation): { [name: string]: number } {
  const counts = run.counts()
  return {
    sent: counts.sent,
    processed: counts.processed,
    'in-flight': counts.inFlight,
    'dead-letters': counts.dead,
    lost: counts.lost,
    duplicated: counts.duplicated,
    'out-of-order': counts.outOfOrder,
    deliveries: counts.deliveries,
  }
}

/** The run that the page's address describes, run here. */
function runOf(page: Page): Simulation {
  const state = fromQuery(simulator, new URL(page.url()).searchParams)
  return Simulation.replay(simulator, { ...state, untilMs: state.atMs })
}

async function seek(page: Page, ms: number): Promise<void> {
  await page.locator('.scrub input').fill(String(ms))
  await page
    .getByText(`${(ms / 1000).toFixed(1)} s`, { exact: true })
    .first()
    .waitFor()
}

describe('Learn, in a real Chromium', { skip: noChromium }, () => {
  let studio: Studio
  before(async () => {
    studio = await startStudio()
  })
  after(async () => {
    await studio?.close()
  })

  it('spike, crash, redelivery, dead letter, redrive: the ledger has the numbers of the seed', async () => {
    const { page, problems, hosts } = await studio.open('/learn/simulator')
    await page.getByRole('switch', { name: 'Every tenth order is poison' }).check()
    await seek(page, 3000)
    await page.getByRole('button', { name: 'Spike ×100' }).click()
    await seek(page, 6000)
    await page.getByRole('button', { name: 'Crash a worker' }).click()
    await seek(page, 20_000)
    assert.deepEqual(await ledgerOf(page), shown(runOf(page)))
    await seek(page, 110_000)
    const before = await ledgerOf(page)
    assert.ok(before['dead-letters']! > 0)
    assert.deepEqual(before, shown(runOf(page)))
    await page.locator('.scene .row').getByRole('button', { name: 'Repair and redrive' }).click()
    await seek(page, 120_000)
    const after = await ledgerOf(page)
    assert.deepEqual(after, shown(runOf(page)))
    assert.deepEqual([after['lost'], after['duplicated']], [0, 0])
    // Back to an earlier moment, and forward again: the same figures.
    await seek(page, 20_000)
    assert.deepEqual(await ledgerOf(page), shown(runOf(page)))
    assert.deepEqual(problems, [])
    assert.equal(hosts.size, 1)
  })

  it('opens a link to a moment, and tells the life of a message with its reasons', async () => {
    const link = '/learn/simulator?k=prefetch.5,work.2000&i=8000.crash.worker+1&t=30000'
    const { page } = await studio.open(link)
    assert.deepEqual(await ledgerOf(page), shown(runOf(page)))
    const run = runOf(page)
    const { message } = run.history.items.slice(-40).findLast(item => item.kind === 'acked')!
    await page
      .locator('.log')
      .getByRole('button', { name: `#${message}` })
      .first()
      .click()
    await page.getByRole('heading', { name: `The life of order ${message}` }).waitFor()
    const life = run.history.biography(message!).map(({ text }) => text)
    assert.deepEqual(await page.locator('.log tbody td:last-child').allTextContents(), life)
    assert.ok(life.length >= 4)
  })

  it('works by keyboard: play, step, crash, ack and nack', async () => {
    const { page } = await studio.open('/learn/how-it-works')
    await page.locator('main').focus()
    const now = () => page.locator('.scene .now').first().textContent()
    const first = await now()
    await page.keyboard.press('ArrowRight')
    assert.notEqual(await now(), first)
    await page.keyboard.press(' ')
    await page.getByRole('button', { name: 'Pause', exact: true }).waitFor()
    await page.locator('.hand .letter').waitFor()
    await page.keyboard.press(' ')
    await page.keyboard.press('n')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    await page.locator('.hand').getByText('Attempt 2').waitFor()
    await page.keyboard.press('a')
    for (let step = 0; step < 3; step++) await page.keyboard.press('ArrowRight')
    const processed = page.locator('.scene [data-count="processed"] dd').first()
    assert.equal(await processed.textContent(), '1')
    await page.keyboard.press('c')
    await page.getByText('You crashed.').waitFor()
  })

  it('goes step by step where the reader wants no motion', async () => {
    const { page } = await studio.open('/learn/simulator', { reducedMotion: true })
    assert.equal(await page.getByRole('button', { name: /Play/ }).count(), 0)
    await page.getByRole('button', { name: 'One second on' }).click()
    assert.equal(await page.locator('.scene .now').textContent(), '1.0 s')
  })

  it('shows the code of five backends, and marks the line that a knob edits', async () => {
    const { page } = await studio.open('/learn/simulator', { width: 1900 })
    const program = page.locator('.program')
    await page.getByRole('slider', { name: 'Prefetch' }).fill('7')
    for (const backend of ['RabbitMQ', 'Kafka', 'SQS', 'Redis Streams', 'Spillway']) {
      await program.getByRole('button', { name: backend }).click()
      const line = await program.locator('.l.edited').textContent()
      assert.match(line ?? '', /\b7\b/, backend)
    }
  })

  it('shows a pitfall as the scenario that the tests run, and marks what the fix changes', async () => {
    const { page } = await studio.open('/learn/pitfalls?p=poison', { width: 1900 })
    await page.getByRole('switch', { name: 'Fixed' }).check()
    const marked = await page.locator('.program .l.edited').allTextContents()
    assert.ok(marked.some(line => line.includes('attemptsMax: 3, deadLetter: toDead')))
    const code = await page.locator('.program pre').textContent()
    assert.match(code ?? '', /^ {2}pitfall\(\{\n {4}id: 'poison'/)
    assert.match(code ?? '', /\}\),\n$/)
  })

  it('remembers Visual or Code, at the same address', async () => {
    const { page } = await studio.open('/learn/problem')
    await page.getByRole('button', { name: 'Code', exact: true }).click()
    await page.locator('.program .code').waitFor()
    assert.equal(new URL(page.url()).pathname, '/learn/problem')
    await page.reload()
    await page.locator('.program .code').waitFor()
  })

  it('shows each pitfall broken and fixed, with the figures that the tests know', async () => {
    const { page } = await studio.open('/learn/pitfalls')
    for (const { scenario, harm, lengthMs } of pitfalls) {
      await page.locator('.picker').getByRole('button', { name: scenario.title }).click()
      await page.locator(`[data-scenario="${scenario.id}"]`).waitFor()
      for (const [index, kind] of ['broken', 'fixed'].entries()) {
        const run = new Simulation(scenario, { knobs: { fixed: index } })
        run.advance(lengthMs)
        const verdict = page.locator(`[data-verdict="${kind}"] b`)
        const figure = await verdict.filter({ hasText: /^[\d,]+$/ }).textContent()
        assert.equal(Number(figure?.replace(/,/g, '')), harm(run.counts()), scenario.id)
      }
    }
  })

  it('measures the speed of the three guarantees in the page', async () => {
    const { page } = await studio.open('/learn/guarantees')
    await page.getByRole('button', { name: 'Measure the speed here' }).click()
    const cells = page.locator('[data-speed]')
    await cells
      .filter({ hasText: /^[\d,]+$/ })
      .nth(2)
      .waitFor()
    for (const text of await cells.allTextContents()) {
      assert.ok(Number(text.replace(/,/g, '')) > 0, text)
    }
  })

  it('fits a telephone: no page scrolls sideways at 390 pixels', async () => {
    const { page } = await studio.open('/', { width: 390 })
    for (const path of ['/', ...chapters.map(chapter => `/learn/${chapter}`)]) {
      await page.goto(studio.url + path)
      await page.locator('main h1').waitFor()
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 390, path)
    }
  })
})
