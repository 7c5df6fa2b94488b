/**
 * The build of the studio: one page into dist/studio, which the broker serves. Every script and
 * style is a file of its own (the page's policy allows nothing inline), and nothing comes from
 * another host.
 */

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { listings } from './build/listings.ts'

const broker = process.env.SPILLWAY_URL ?? 'http://127.0.0.1:7420'

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  plugins: [listings(fileURLToPath(new URL('..', import.meta.url)))],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/studio',
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: { port: 25000, proxy: { '/api': broker, '/metrics': broker } },
})
