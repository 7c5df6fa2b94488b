/** The two kinds of text in a chapter: what is explained, and what the reader should do first. */

import '../../styles/learn.css'
import type { ComponentChildren } from 'preact'

export function Prose({ children }: { readonly children: ComponentChildren }) {
  return <div class="prose">{children}</div>
}

/** Steps that make it happen, before it is explained. */
export function Try(props: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <section class="try">
      <h2>{props.title}</h2>
      {props.children}
    </section>
  )
}
