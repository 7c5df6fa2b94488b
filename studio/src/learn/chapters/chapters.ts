/** Which text belongs to which chapter; `chapter-list.ts` has their order and titles. */

import type { ComponentType } from 'preact'
import { Choosing } from './choosing.tsx'
import { Code } from './code.tsx'
import { Guarantees } from './guarantees.tsx'
import { HowItWorks } from './how-it-works.tsx'
import { Patterns } from './patterns.tsx'
import { Pitfalls } from './pitfalls.tsx'
import { Problem } from './problem.tsx'
import { Scale } from './scale.tsx'
import { SimulatorChapter } from './simulator.tsx'
import { Solution } from './solution.tsx'
import { When } from './when.tsx'

export const chapters: { readonly [slug: string]: ComponentType } = {
  problem: Problem,
  solution: Solution,
  simulator: SimulatorChapter,
  'how-it-works': HowItWorks,
  code: Code,
  when: When,
  guarantees: Guarantees,
  patterns: Patterns,
  choosing: Choosing,
  pitfalls: Pitfalls,
  scale: Scale,
}
