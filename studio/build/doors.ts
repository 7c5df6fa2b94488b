/**
 * The page once more for each chapter and for each half, with the code that is needed there named
 * in its head: the browser asks for it at once, beside the entry, and not when the entry has run
 * and says what it wants. `learn-simulator.html` is the door of `/learn/simulator`.
 */

import type { Plugin } from 'vite'

/** By the door: the modules whose chunks, with what those import, are needed behind it. */
const operateFolder = '/studio/src/operate/'
const livePages = {
  operate: 'overview',
  'operate-queues': 'queues',
  'operate-queue': 'queue',
  'operate-dead-letters': 'dead-letters',
  'operate-groups': 'groups',
  'operate-connections': 'connections',
  'operate-definitions': 'definitions',
  'operate-api': 'api-page',
}
const fixed: { readonly [door: string]: readonly string[] } = {
  home: ['/studio/src/home.tsx'],
  ...Object.fromEntries(
    Object.entries(livePages).map(([door, page]) => {
      return [door, [`${operateFolder}session.tsx`, `${operateFolder}${page}.tsx`]]
    }),
  ),
}
const chapterFolder = '/studio/src/learn/chapters/'

function doorsOf(chunks: readonly { readonly moduleIds: readonly string[] }[]) {
  const all = new Map(Object.entries(fixed))
  for (const id of chunks.flatMap(({ moduleIds }) => moduleIds)) {
    const slug = id.split(chapterFolder)[1]?.replace(/\.tsx$/, '')
    if (slug === undefined || slug.endsWith('.ts') || slug === 'text') continue
    all.set(`learn-${slug}`, [`${chapterFolder}${slug}.tsx`])
  }
  return all
}

export function doors(): Plugin {
  return {
    name: 'spillway-doors',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const page = bundle['index.html']
        if (page?.type !== 'asset') throw new Error('there is no page to make doors of')
        const html = String(page.source)
        const chunks = Object.values(bundle).filter(one => one.type === 'chunk')
        const byName = new Map(chunks.map(chunk => [chunk.fileName, chunk]))
        const font = Object.keys(bundle).find(name => /latin-wght-normal.*\.woff2$/.test(name))
        if (font === undefined) throw new Error('the font has another name')
        for (const [door, modules] of doorsOf(chunks)) {
          const wanted = new Set<string>()
          const styles = new Set<string>()
          const follow = (fileName: string): void => {
            const chunk = byName.get(fileName)
            if (chunk === undefined || wanted.has(fileName)) return
            wanted.add(fileName)
            for (const style of chunk.viteMetadata?.importedCss ?? []) styles.add(style)
            for (const name of chunk.imports) follow(name)
          }
          for (const module of modules) {
            const holder = chunks.find(({ moduleIds }) => moduleIds.some(id => id.endsWith(module)))
            if (holder === undefined) throw new Error(`no chunk holds ${module}`)
            follow(holder.fileName)
            // What is imported when it is wanted has a small chunk of its own before that one.
            for (const { facadeModuleId, fileName } of chunks) {
              if (facadeModuleId?.endsWith(module) === true) follow(fileName)
            }
          }
          const missing = (names: ReadonlySet<string>) =>
            [...names].filter(name => !html.includes(`"/${name}"`))
          const links = [
            `<link rel="preload" as="font" type="font/woff2" crossorigin href="/${font}">`,
            // Who looks decides what is shown: that is asked before the script runs, too.
            ...(door.startsWith('operate')
              ? ['<link rel="preload" as="fetch" crossorigin href="/api/session">']
              : []),
            ...missing(styles).map(name => `<link rel="stylesheet" crossorigin href="/${name}">`),
            ...missing(wanted).map(
              name => `<link rel="modulepreload" crossorigin href="/${name}">`,
            ),
          ]
          const source = html.replace(
            '</head>',
            `${links.map(link => `  ${link}\n  `).join('')}</head>`,
          )
          this.emitFile({ type: 'asset', fileName: `${door}.html`, source })
        }
      },
    },
  }
}
