/** The chapters in their order. Only titles: the chapters themselves are loaded when shown. */

export interface ChapterEntry {
  readonly slug: string
  readonly title: string
  /** For the navigation. */
  readonly short: string
}

export const chapterList: readonly ChapterEntry[] = [
  {
    slug: 'problem',
    title: 'The problem: one slow service holds up everybody',
    short: 'The problem',
  },
  { slug: 'solution', title: 'The solution: put a queue between them', short: 'The solution' },
  { slug: 'simulator', title: 'The simulator', short: 'The simulator' },
  { slug: 'how-it-works', title: 'How it works: stay until acknowledged', short: 'How it works' },
  { slug: 'code', title: 'The code, for five backends', short: 'The code' },
  { slug: 'when', title: 'When to use a queue, and when to skip it', short: 'When to use one' },
  { slug: 'guarantees', title: 'Delivery guarantees', short: 'Guarantees' },
  { slug: 'patterns', title: 'Queue types and patterns', short: 'Patterns' },
  { slug: 'choosing', title: 'Picking the right queue', short: 'Picking one' },
  { slug: 'pitfalls', title: 'Twelve pitfalls, live', short: 'Pitfalls' },
  { slug: 'scale', title: 'Real-world scale', short: 'Scale' },
]
