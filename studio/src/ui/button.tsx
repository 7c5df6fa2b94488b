import type { ComponentChildren } from 'preact'

export interface ButtonProps {
  readonly children: ComponentChildren
  readonly onClick?: (event: MouseEvent) => void
  readonly primary?: boolean
  readonly danger?: boolean
  readonly quiet?: boolean
  readonly small?: boolean
  readonly disabled?: boolean
  readonly pressed?: boolean
  readonly expanded?: boolean
  readonly submit?: boolean
  /** A key that does the same, shown beside the words. */
  readonly shortcut?: string
  /** Says more than the words, for a screen reader and on hover. */
  readonly label?: string
}

export function Button(props: ButtonProps) {
  const looks = ['primary', 'danger', 'quiet', 'small'] as const
  const names = ['button', ...looks.filter(look => props[look] === true)]
  return (
    <button
      type={props.submit === true ? 'submit' : 'button'}
      class={names.join(' ')}
      disabled={props.disabled}
      aria-pressed={props.pressed}
      aria-expanded={props.expanded}
      aria-label={props.label}
      aria-keyshortcuts={props.shortcut}
      title={props.label}
      onClick={props.onClick}
    >
      {props.children}
      {props.shortcut !== undefined && <kbd aria-hidden="true">{props.shortcut}</kbd>}
    </button>
  )
}
