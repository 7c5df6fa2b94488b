import type { ComponentChildren } from 'preact'

/** What a page says when it has nothing to show: what this is, and what to do about it. */
export function Empty(props: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{props.title}</h2>
      {props.children}
    </div>
  )
}
