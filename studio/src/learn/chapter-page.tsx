import { here } from '../router.ts'
import { PageHead } from '../ui/page-head.tsx'
import { chapterList } from './chapter-list.ts'

export function ChapterPage() {
  const slug = here.value.path.split('/').at(-1)
  const chapter = chapterList.find(entry => entry.slug === slug)!
  return <PageHead title={chapter.title} />
}
