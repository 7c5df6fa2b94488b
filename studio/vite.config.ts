/**
 * The build of the studio: one page into dist/studio, which the broker serves. Every script and
 * style is a file of its own (the page's policy allows nothing inline), and nothing comes from
 * another host.
 */

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { doors } from './build/doors.ts'
import { listings } from './build/listings.ts'

const broker = process.env.SPILLWAY_URL ?? 'http://127.0.0.1:7420'

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  plugins: [listings(fileURLToPath(new URL('..', import.meta.url))), doors()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/studio',
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      // Who starts a broker does not ask how long its page's plugins took.
      checks: { pluginTimings: false },
      output: {
        // A browser asks for six files at a time: what a page needs is in few.
        codeSplitting: {
          groups: [
            {
              name: 'kit',
              test: /node_modules\/@?preact|preload-helper|\/studio\/src\/(ui\/|theme|api|main|shell|routes|router|operate\/routes|learn\/chapters\/chapters|learn\/chapter-page|learn\/chapter-list)/,
            },
            { name: 'live', test: /\/studio\/src\/operate\/(events|use-api|format|said|session)/ },
            {
              name: 'scene',
              test: /\/src\/(engine|base|testing|simulator)\/(?!scenarios\/p)|\/learn\/(?!chapters\/(?!text)|listings|chapter-list)/,
            },
          ],
        },
      },
    },
  },
  server: { port: 25000, proxy: { '/api': broker, '/metrics': broker } },
})
