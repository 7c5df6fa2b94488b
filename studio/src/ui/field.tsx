/** One field of a form, with its label: the value is the caller's signal. */

import type { Signal } from '@preact/signals'

interface Common {
  readonly label: string
  /** The label is for screen readers alone: what the field is for can be seen without. */
  readonly isQuiet?: boolean
  /** Takes the room that its neighbours leave. */
  readonly grows?: boolean
}

export function TextField(
  props: Common & {
    readonly value: Signal<string>
    readonly type?: 'text' | 'search' | 'number' | 'datetime-local'
    readonly required?: boolean
    readonly min?: number
    /** Shown where nothing is written. */
    readonly hint?: string
  },
) {
  const { value, type = 'text', required, min, hint } = props
  return (
    <label class={classOf(props)}>
      <Label of={props} />
      <input
        class="input"
        // The types of attributes ask which one it is; all four take the same ones.
        type={type as 'text'}
        required={required}
        min={min}
        placeholder={hint}
        value={value.value}
        onInput={event => {
          value.value = event.currentTarget.value
        }}
      />
    </label>
  )
}

/** For what is written in lines, as code is. */
export function AreaField(
  props: Common & { readonly value: Signal<string>; readonly rows: number },
) {
  const { value, rows } = props
  return (
    <label class={classOf(props)}>
      <Label of={props} />
      <textarea
        class="input code-input"
        rows={rows}
        spellcheck={false}
        value={value.value}
        onInput={event => {
          value.value = event.currentTarget.value
        }}
      />
    </label>
  )
}

export function SelectField<Choice extends string>(
  props: Common & {
    readonly value: Signal<Choice>
    readonly choices: readonly (readonly [value: Choice, text: string])[]
    /** Told after the value has changed. */
    readonly onChoose?: (choice: Choice) => void
  },
) {
  const { value, choices } = props
  return (
    <label class={classOf(props)}>
      <Label of={props} />
      <select
        class="input"
        value={value.value}
        onChange={event => {
          value.value = event.currentTarget.value as Choice
          props.onChoose?.(value.value)
        }}
      >
        {choices.map(([choice, text]) => (
          <option key={choice} value={choice}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}

function classOf({ grows }: Common): string {
  return grows === true ? 'field grow' : 'field'
}

function Label({ of: { label, isQuiet } }: { readonly of: Common }) {
  return <span class={isQuiet === true ? 'visually-hidden' : 'label'}>{label}</span>
}
