/** Programs for the chapters that decide: ask or tell, which backend, how many consumers. */

import { lines as askOrTell } from 'listing:examples/guide/ask-or-tell.mjs'
import { lines as plan } from 'listing:examples/guide/plan.mjs'
import { lines as wait } from 'listing:examples/guide/wait.mjs'
import type { CodeSet } from '../code-view.tsx'

export const askOrTellCode: CodeSet = [
  {
    id: 'ask-or-tell',
    title: 'Spillway',
    file: 'examples/guide/ask-or-tell.mjs',
    lines: askOrTell,
    knobs: { work: { after: 'const workMs = ' } },
    marks: { later: 'bus.send(' },
  },
]

export const planCode: CodeSet = [
  { id: 'plan', title: 'Spillway', file: 'examples/guide/plan.mjs', lines: plan },
]

export const waitCode: CodeSet = [
  {
    id: 'wait',
    title: "Little's law",
    file: 'examples/guide/wait.mjs',
    lines: wait,
    knobs: {
      rate: { after: 'const perSecond = ' },
      work: { after: 'const workMs = ' },
      consumers: { after: 'const consumers = ' },
    },
  },
]
