/** The pages of the live broker, in the order of the navigation. */

import type { ComponentType } from 'preact'
import type { PageProps, Route } from '../routes.ts'

/** The page, and who looks: so it is drawn once, and not before and after that is known. */
async function live(page: Promise<ComponentType<PageProps>>): Promise<ComponentType<PageProps>> {
  const known = import('./session.tsx').then(module => module.sessionKnown())
  const [Page] = await Promise.all([page, known])
  return Page
}

export const operateRoutes: readonly Route[] = [
  {
    path: '/operate',
    half: 'operate',
    title: 'Overview',
    nav: { mark: '◉', label: 'Overview' },
    load: () => live(import('./overview.tsx').then(module => module.Overview)),
  },
  {
    path: '/operate/queues',
    half: 'operate',
    title: 'Queues and streams',
    nav: { mark: '≡', label: 'Queues and streams' },
    load: () => live(import('./queues.tsx').then(module => module.Queues)),
  },
  {
    path: '/operate/queues/:name',
    half: 'operate',
    title: 'Queue',
    load: () => live(import('./queue.tsx').then(module => module.QueuePage)),
  },
  {
    path: '/operate/dead-letters',
    half: 'operate',
    title: 'Dead letters',
    nav: { mark: '✕', label: 'Dead letters' },
    load: () => live(import('./dead-letters.tsx').then(module => module.DeadLetterPage)),
  },
  {
    path: '/operate/groups',
    half: 'operate',
    title: 'Groups',
    nav: { mark: '⇉', label: 'Groups' },
    load: () => live(import('./groups.tsx').then(module => module.Groups)),
  },
  {
    path: '/operate/connections',
    half: 'operate',
    title: 'Connections',
    nav: { mark: '⇄', label: 'Connections' },
    load: () => live(import('./connections.tsx').then(module => module.Connections)),
  },
  {
    path: '/operate/definitions',
    half: 'operate',
    title: 'Definitions',
    nav: { mark: '§', label: 'Definitions' },
    load: () => live(import('./definitions.tsx').then(module => module.DefinitionsPage)),
  },
  {
    path: '/operate/api',
    half: 'operate',
    title: 'JSON API',
    nav: { mark: '{}', label: 'JSON API' },
    load: () => live(import('./api-page.tsx').then(module => module.ApiPage)),
  },
]
