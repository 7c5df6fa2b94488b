/** One chapter: its text, its scene, and the way to the next one. */

import type { ComponentType } from 'preact'
import { PageHead } from '../ui/page-head.tsx'
import { chapterList } from './chapter-list.ts'

/** The page of a chapter, around its text. */
export function chapterPage(slug: string, Body: ComponentType) {
  return () => <ChapterPage slug={slug} Body={Body} />
}

function ChapterPage({ slug, Body }: { readonly slug: string; readonly Body: ComponentType }) {
  const index = chapterList.findIndex(entry => entry.slug === slug)
  const entry = chapterList[index]!
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
