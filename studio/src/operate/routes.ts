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
]
