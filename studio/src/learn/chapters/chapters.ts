/**
 * Which text belongs to which chapter, each in a file of its own that is loaded when it is shown;
 * `chapter-list.ts` has their order and titles.
 */

import type { ComponentType } from 'preact'

export const chapters: { readonly [slug: string]: () => Promise<ComponentType> } = {
  problem: () => import('./problem.tsx').then(module => module.Problem),
  solution: () => import('./solution.tsx').then(module => module.Solution),
  simulator: () => import('./simulator.tsx').then(module => module.SimulatorChapter),
  'how-it-works': () => import('./how-it-works.tsx').then(module => module.HowItWorks),
  code: () => import('./code.tsx').then(module => module.Code),
  when: () => import('./when.tsx').then(module => module.When),
  guarantees: () => import('./guarantees.tsx').then(module => module.Guarantees),
  patterns: () => import('./patterns.tsx').then(module => module.Patterns),
  choosing: () => import('./choosing.tsx').then(module => module.Choosing),
  pitfalls: () => import('./pitfalls.tsx').then(module => module.Pitfalls),
  scale: () => import('./scale.tsx').then(module => module.Scale),
}
