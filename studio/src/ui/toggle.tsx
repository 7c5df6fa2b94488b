import type { ComponentChildren } from 'preact'

/** A switch: a native checkbox that looks like one. */
export function Toggle(props: {
  readonly children: ComponentChildren
  readonly checked: boolean
  readonly onChange: (checked: boolean) => void
  readonly disabled?: boolean
}) {
  return (
    <label class="switch">
      <input
        type="checkbox"
        role="switch"
        aria-checked={props.checked}
        checked={props.checked}
        disabled={props.disabled}
        onChange={event => props.onChange(event.currentTarget.checked)}
      />
      <span>{props.children}</span>
    </label>
  )
}

/** A slider with its name and its value in words. */
export function Slider(props: {
  readonly label: string
  readonly value: number
  readonly min: number
  readonly max: number
  readonly step?: number
  readonly text: string
  readonly onInput: (value: number) => void
}) {
  return (
    <label class="field">
      <span class="label">
        {props.label}
        <span class="value">{props.text}</span>
      </span>
      <input
        type="range"
        min={props.min}
        max={props.max}
        step={props.step ?? 1}
        value={props.value}
        aria-valuetext={props.text}
        onInput={event => props.onInput(Number(event.currentTarget.value))}
      />
    </label>
  )
}
