/**
 * Code listings, coloured at build time: `import { lines } from 'listing:examples/NAME'` gives a
 * file of the repository as lines of `[class, text]` pairs. The file is the one that the tests run,
 * so a listing cannot rot; and no highlighter is sent to the browser.
 *
 * Colours are class names, not style attributes: the page's policy forbids those.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCssVariablesTheme, createHighlighter, type Highlighter } from 'shiki'
import type { Plugin } from 'vite'

/** The classes of `styles/code.css`, by the name of shiki's variable. */
const classes: { readonly [variable: string]: string } = {
  'token-keyword': 'k',
  'token-string': 's',
  'token-string-expression': 's',
  'token-comment': 'c',
  'token-constant': 'n',
  'token-function': 'f',
  'token-parameter': 'p',
  'token-punctuation': 'u',
  'token-link': 's',
}

export function listings(folder: string): Plugin {
  let highlighter: Promise<Highlighter> | undefined
  const theme = createCssVariablesTheme({
    name: 'spillway',
    variablePrefix: '--',
    fontStyle: false,
  })
  return {
    name: 'spillway-listings',
    resolveId: source => (source.startsWith('listing:') ? `\0${source}` : undefined),
    async load(id) {
      if (!id.startsWith('\0listing:')) return undefined
      const file = join(folder, id.slice('\0listing:'.length))
      this.addWatchFile(file)
      highlighter ??= createHighlighter({ themes: [theme], langs: ['typescript', 'javascript'] })
      const lang = file.endsWith('.ts') ? 'typescript' : 'javascript'
      const code = readFileSync(file, 'utf8').trimEnd()
      const { tokens } = (await highlighter).codeToTokens(code, { lang, theme: 'spillway' })
      const lines = tokens.map(line =>
        line.map(({ color, content }) => {
          const variable = /--([\w-]+)/.exec(color ?? '')?.[1] ?? ''
          return [classes[variable] ?? '', content]
        }),
      )
      return `export const lines = ${JSON.stringify(lines)}`
    },
  }
}
