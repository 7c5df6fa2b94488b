/**
 * The one table of pages. A page is a module that is loaded when it is first shown; a path may hold
 * names (`/operate/queues/:name`), which the page gets decoded. What has a `nav` is in the
 * navigation, in this order, with its mark before it.
 */

import type { ComponentType } from 'preact'
import { chapterList } from './learn/chapter-list.ts'
import { chapterPage } from './learn/chapter-page.tsx'
import { chapters } from './learn/chapters/chapters.ts'
import { operateRoutes } from './operate/routes.ts'

export interface PageProps {
  readonly params: { readonly [name: string]: string }
}

export interface Route {
  readonly path: string
  readonly half: 'learn' | 'operate'
  readonly title: string
  readonly nav?: { readonly mark: string; readonly label: string } | undefined
  readonly load: () => Promise<ComponentType<PageProps>>
}

async function loadChapter(slug: string): Promise<ComponentType<PageProps>> {
  return chapterPage(slug, await chapters[slug]!())
}

export const routes: readonly Route[] = [
  {
    path: '/',
    half: 'learn',
    title: 'Spillway studio',
    load: () => import('./home.tsx').then(module => module.Home),
  },
  {
    path: '/learn',
    half: 'learn',
    title: 'Learn',
    load: () => import('./home.tsx').then(module => module.Home),
  },
  ...chapterList.map(
    (chapter, index): Route => ({
      path: `/learn/${chapter.slug}`,
      half: 'learn',
      title: chapter.title,
      nav: { mark: String(index + 1), label: chapter.short },
      load: () => loadChapter(chapter.slug),
    }),
  ),
  ...operateRoutes,
]

const loaded = new Map<string, ComponentType<PageProps>>()

/** The page's component, where its code has come already. */
export function loadedPage(route: Route): ComponentType<PageProps> | undefined {
  return loaded.get(route.path)
}

/** Loads a page's code; rejects when it does not come. */
export async function loadPage(route: Route): Promise<ComponentType<PageProps>> {
  const page = await route.load()
  loaded.set(route.path, page)
  return page
}

/** The first route that the path fits, and what its names stand for. */
export function matchRoute(
  path: string,
): { readonly route: Route; readonly params: PageProps['params'] } | undefined {
  const parts = path.split('/')
  for (const route of routes) {
    const wanted = route.path.split('/')
    if (wanted.length !== parts.length) continue
    const params: { [name: string]: string } = {}
    const fits = wanted.every((part, index) => {
      if (!part.startsWith(':')) return part === parts[index]
      params[part.slice(1)] = decodeURIComponent(parts[index]!)
      return parts[index] !== ''
    })
    if (fits) return { route, params }
  }
  return undefined
}
