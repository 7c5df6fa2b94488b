/** The pages of the live broker, in the order of the navigation. */

import type { Route } from '../routes.ts'

export const operateRoutes: readonly Route[] = [
  {
    path: '/operate',
    half: 'operate',
    title: 'Overview',
    nav: { mark: '◉', label: 'Overview' },
    load: () => import('./overview.tsx').then(module => module.Overview),
  },
  {
    path: '/operate/queues',
    half: 'operate',
    title: 'Queues and streams',
    nav: { mark: '≡', label: 'Queues and streams' },
    load: () => import('./queues.tsx').then(module => module.Queues),
  },
  {
    path: '/operate/queues/:name',
    half: 'operate',
    title: 'Queue',
    load: () => import('./queue.tsx').then(module => module.QueuePage),
  },
  {
    path: '/operate/dead-letters',
    half: 'operate',
    title: 'Dead letters',
    nav: { mark: '✕', label: 'Dead letters' },
    load: () => import('./dead-letters.tsx').then(module => module.DeadLetterPage),
  },
  {
    path: '/operate/groups',
    half: 'operate',
    title: 'Groups',
    nav: { mark: '⇉', label: 'Groups' },
    load: () => import('./groups.tsx').then(module => module.Groups),
  },
  {
    path: '/operate/connections',
    half: 'operate',
    title: 'Connections',
    nav: { mark: '⇄', label: 'Connections' },
    load: () => import('./connections.tsx').then(module => module.Connections),
  },
  {
    path: '/operate/definitions',
    half: 'operate',
    title: 'Definitions',
    nav: { mark: '§', label: 'Definitions' },
    load: () => import('./definitions.tsx').then(module => module.DefinitionsPage),
  },
  {
    path: '/operate/api',
    half: 'operate',
    title: 'JSON API',
    nav: { mark: '{}', label: 'JSON API' },
    load: () => import('./api-page.tsx').then(module => module.ApiPage),
  },
]
