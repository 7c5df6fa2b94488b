/** One chapter: its text, its scene, and the way to the next one. */

import '../styles/learn.css'
import { here } from '../router.ts'
import { PageHead } from '../ui/page-head.tsx'
import { chapterList } from './chapter-list.ts'
import { chapters } from './chapters/chapters.ts'

export function ChapterPage() {
  const slug = here.value.path.split('/').at(-1) ?? ''
  const index = chapterList.findIndex(entry => entry.slug === slug)
  const entry = chapterList[index]!
  const Body = chapters[slug]!
  const [before, after] = [chapterList[index - 1], chapterList[index + 1]]
  return (
    <article class="chapter">
      <PageHead title={entry.title} />
      <Body />
      <nav class="onward" aria-label="Chapters before and after">
        {before === undefined ? (
          <span />
        ) : (
          <a href={`/learn/${before.slug}`}>
            <small>Before</small>
            {before.short}
          </a>
        )}
        {after === undefined ? (
          <span />
        ) : (
          <a href={`/learn/${after.slug}`}>
            <small>Next</small>
            {after.short}
          </a>
        )}
      </nav>
    </article>
  )
}
