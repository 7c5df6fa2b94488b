/**
 * How soon can a reader use the studio, and does it keep up with its dots? In a real Chromium, from
 * a broker on loopback.
 */

import type { Browser, Page } from 'playwright-core'
import { startSpillway } from '../tests/harness/broker.ts'
import { percentile, summarise } from '../tests/harness/statistics.ts'
import { chromiumPath, startChromium } from '../tests/studio/browser.ts'
import type { AloneQuestion, Figure, Measurement } from './question.ts'

const visits: readonly Figure[] = [
  { name: 'painted first', unit: 'ms', better: 'lower' },
  { name: 'interactive', unit: 'ms', better: 'lower' },
  { name: "the page's thread until then", unit: 'ms of work', better: 'lower' },
]

const frames: readonly Figure[] = [
  { name: 'frames', unit: 'a second', better: 'higher' },
  { name: '99 of 100 frames within', unit: 'ms', better: 'lower' },
  { name: "the page's thread, a frame", unit: 'ms of work', better: 'lower' },
  { name: 'dots at the end', unit: 'dots', better: 'higher' },
]

interface Door {
  readonly path: string
  readonly name: string
  /** What the reader acts on. */
  readonly control: string
  /** In the page: whether a click on it has done what it is there for. */
  readonly isDone: string
}

const doors: readonly Door[] = [
  {
    path: '/',
    name: 'the start',
    control: 'main a[href^="/learn/"]',
    isDone: "location.pathname.startsWith('/learn/')",
  },
  {
    path: '/learn/simulator',
    name: 'the simulator',
    control: '.scene .time button',
    isDone: "control.textContent.includes('Pause')",
  },
  {
    path: '/operate',
    name: 'the live overview',
    control: 'main .panel fieldset button[aria-pressed="false"]',
    isDone: "control.getAttribute('aria-pressed') === 'true'",
  },
]

export const studioPage: AloneQuestion = {
  name: 'studio-page',
  title: 'the studio in Chromium: visits with an empty cache, and a thousand dots',
  aloneCases: ({ quick }) => [
    ...doors.map(door => ({
      name: `a first visit: ${door.name}`,
      figures: visits,
      measure: () => withBrowser((browser, origin) => visit(browser, origin, door, quick ? 2 : 9)),
    })),
    {
      name: 'the simulator with a thousand dots',
      figures: frames,
      measure: () =>
        withBrowser((browser, origin) => paintDots(browser, origin, quick ? 1000 : 6000)),
    },
  ],
}

async function withBrowser(
  measure: (browser: Browser, origin: string) => Promise<Measurement>,
): Promise<Measurement> {
  if (chromiumPath === undefined) throw new Error('there is no Chromium here')
  const broker = await startSpillway()
  const browser = await startChromium()
  try {
    return await measure(browser, `http://127.0.0.1:${broker.httpPort}`)
  } finally {
    await browser.close()
    await broker.stop()
  }
}

/** The median of several visits, each with nothing in its cache. */
async function visit(
  browser: Browser,
  origin: string,
  door: Door,
  count: number,
): Promise<Measurement> {
  const painted: number[] = []
  const interactive: number[] = []
  const work: number[] = []
  for (let round = 0; round <= count; round++) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
    const page = await context.newPage()
    const workSoFar = await watchWork(page)
    await page.addInitScript(actWhenPainted(door))
    await page.goto(origin + door.path)
    const times = await page.evaluate<Times>(readTimes)
    const worked = await workSoFar()
    await context.close()
    // The first one starts what all visits share, in the broker and in the browser.
    if (round === 0) continue
    painted.push(times.painted)
    interactive.push(times.interactive)
    work.push(worked)
  }
  return { values: [painted, interactive, work].map(list => summarise(list).median) }
}

/** What the page's main thread does from now on, in ms: true on a busy machine, too. */
async function watchWork(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics')
    return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN) * 1000
  }
}

interface Times {
  readonly painted: number
  readonly interactive: number
}

/**
 * In the page: clicks what the reader acts on as soon as it is painted. Interactive is the time of
 * that click, if it does what it is there for; else there is none, and the measurement fails.
 */
const actWhenPainted = ({ control, isDone }: Door): string => `
  globalThis.whenReady = new Promise((resolve, reject) => {
    const act = control => {
      const at = performance.now()
      control.click()
      let patience = 30
      const check = () => {
        if (${isDone}) resolve(at)
        else if (patience-- === 0) reject(new Error('the click did nothing'))
        else requestAnimationFrame(check)
      }
      check()
    }
    const look = () => {
      const control = document.querySelector(${JSON.stringify(control)})
      if (control === null) requestAnimationFrame(look)
      else requestAnimationFrame(() => setTimeout(() => act(control)))
    }
    look()
  })`

const readTimes = `(async () => {
  const interactive = await globalThis.whenReady
  const [paint] = performance.getEntriesByName('first-contentful-paint')
  return { painted: paint?.startTime ?? NaN, interactive }
})()`

async function paintDots(browser: Browser, origin: string, ms: number): Promise<Measurement> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  await page.goto(`${origin}/learn/simulator`)
  await page.locator('.scene').waitFor()
  for (let spikes = 0; spikes < 11; spikes++) {
    await page.getByRole('button', { name: /spike/i }).first().click()
  }
  await page.getByRole('button', { name: /play/i }).first().click()
  const workSoFar = await watchWork(page)
  const before = await workSoFar()
  const steps = await page.evaluate<number[]>(countFrames(ms))
  const work = (await workSoFar()) - before
  const dots = await countDots(page)
  await page.close()
  steps.sort((left, right) => left - right)
  const seconds = steps.reduce((sum, step) => sum + step, 0) / 1000
  return { values: [steps.length / seconds, percentile(steps, 0.99), work / steps.length, dots] }
}

/** In the page: the time between each two frames. */
const countFrames = (ms: number): string => `new Promise(resolve => {
  const steps = []
  const began = performance.now()
  let last = began
  const next = () => {
    const now = performance.now()
    steps.push(now - last)
    last = now
    if (now - began < ${ms}) requestAnimationFrame(next)
    else resolve(steps)
  }
  requestAnimationFrame(next)
})`

/** What waits in the queues' pools, as the boxes say it. */
async function countDots(page: Page): Promise<number> {
  const texts = await page.locator('.node.queue .counts').allInnerTexts()
  return texts
    .flatMap(text => text.match(/\d+/g) ?? [])
    .reduce((sum, text) => sum + Number(text), 0)
}
