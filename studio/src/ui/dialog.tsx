import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { Button } from './button.tsx'

/** A modal dialog: the browser's own, which keeps the focus inside and closes with Escape. */
export function Dialog(props: {
  readonly title: string
  readonly open: boolean
  readonly onClose: () => void
  readonly children: ComponentChildren
  readonly actions?: ComponentChildren
}) {
  const element = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (props.open) element.current?.showModal()
    else element.current?.close()
  }, [props.open])
  return (
    <dialog class="dialog" ref={element} onClose={props.onClose} aria-label={props.title}>
      {props.open && (
        <>
          <header>
            <h2>{props.title}</h2>
            <Button quiet small label="Close" onClick={props.onClose}>
              ✕
            </Button>
          </header>
          <div class="body">{props.children}</div>
          {props.actions !== undefined && <footer>{props.actions}</footer>}
        </>
      )}
    </dialog>
  )
}
