import type { ComponentChildren } from 'preact'

/** The states of a message, each with a sign of its own: colour is never the only signal. */
export const signs = {
  ready: '●',
  flight: '◐',
  retrying: '↻',
  delayed: '◔',
  dead: '✕',
  done: '✓',
} as const

export type MessageState = keyof typeof signs

export function StateBadge(props: {
  readonly state: MessageState
  readonly children: ComponentChildren
}) {
  return (
    <span class={`badge ${props.state}`}>
      <span aria-hidden="true">{signs[props.state]}</span>
      {props.children}
    </span>
  )
}

export function Badge(props: {
  readonly tone?: 'good' | 'warn' | 'bad' | 'ready'
  readonly children: ComponentChildren
}) {
  return <span class={`badge ${props.tone ?? ''}`}>{props.children}</span>
}
