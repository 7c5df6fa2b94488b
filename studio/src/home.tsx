/** The first page: two ways in. */

import { chapterList } from './learn/chapter-list.ts'

export function Home() {
  return (
    <div class="home">
      <h1>Take the spike. Keep every drop.</h1>
      <p class="lede">
        A message queue is a spillway: the flood arrives when it likes, and goes out at the pace
        that those downstream can bear. Here you can break one, and run one. Both are the same
        engine.
      </p>
      <div class="ways">
        <a href={`/learn/${chapterList[0]!.slug}`}>
          <strong>Learn</strong>
          <span>
            Eleven chapters. You cause each failure before it is explained, on the real engine, in
            this page.
          </span>
        </a>
        <a href="/operate">
          <strong>Operate</strong>
          <span>
            The broker that serves this page: its queues, messages, dead letters and groups.
          </span>
        </a>
      </div>
    </div>
  )
}
