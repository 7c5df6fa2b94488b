import type { ComponentChildren } from 'preact'

/** The top of a page: its title, one sentence, and what can be done with all of it. */
export function PageHead(props: {
  readonly title: string
  readonly children?: ComponentChildren
  readonly actions?: ComponentChildren
}) {
  return (
    <header class="page-head">
      <div>
        <h1>{props.title}</h1>
        {props.children !== undefined && <p>{props.children}</p>}
      </div>
      {props.actions !== undefined && <div class="row">{props.actions}</div>}
    </header>
  )
}
