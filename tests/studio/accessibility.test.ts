import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, describe, it } from 'node:test'
import { chapters, noChromium, type Studio, startStudio } from './browser.ts'

describe('the guide is accessible', { skip: noChromium }, () => {
  let studio: Studio
  before(async () => {
    studio = await startStudio()
  })
  after(async () => {
    await studio?.close()
  })

  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  for (const colours of ['light', 'dark'] as const) {
    it(`is clean for axe-core on every page, ${colours}`, async () => {
      const { page, problems, close } = await studio.open('/', { colours })
      const all: string[] = []
      for (const path of ['/', ...chapters.map(chapter => `/learn/${chapter}`)]) {
        await page.goto(studio.url + path)
        await page.locator('main h1').waitFor()
        const scrub = page.locator('.scrub input').first()
        if ((await scrub.count()) > 0) await scrub.fill('12000')
        await page.evaluate(axe)
        // The other colours have the same elements: what can differ is contrast.
        const only = colours === 'dark' && path !== '/' ? ['color-contrast'] : undefined
        const found = await page.evaluate(async rules => {
          const runner = (globalThis as unknown as { axe: Axe }).axe
          const options = rules === undefined ? {} : { runOnly: rules }
          const { violations } = await runner.run(options)
          return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 160)}`)
        }, only)
        all.push(...found.map(one => `${path}: ${one}`))
      }
      assert.deepEqual(all, [])
      assert.deepEqual(problems, [])
      await close()
    })
  }
})

interface Axe {
  run(options: { readonly runOnly?: readonly string[] }): Promise<AxeResults>
}

interface AxeResults {
  readonly violations: readonly {
    readonly id: string
    readonly nodes: readonly { html: string }[]
  }[]
}
