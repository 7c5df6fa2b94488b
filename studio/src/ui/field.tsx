/** One field of a form, with its label: the value is the caller's signal. */

import type { Signal } from '@preact/signals'

export function TextField(props: {
  readonly label: string
  readonly value: Signal<string>
  readonly required?: boolean
  /** Shown where nothing is written. */
  readonly hint?: string
}) {
  const { label, value, required, hint } = props
  return (
    <label class="field">
      <span class="label">{label}</span>
      <input
        class="input"
        required={required}
        placeholder={hint}
        value={value.value}
        onInput={event => {
          value.value = event.currentTarget.value
        }}
      />
    </label>
  )
}

export function SelectField<Choice extends string>(props: {
  readonly label: string
  readonly value: Signal<Choice>
  readonly choices: readonly (readonly [value: Choice, text: string])[]
}) {
  const { label, value, choices } = props
  return (
    <label class="field">
      <span class="label">{label}</span>
      <select
        class="input"
        value={value.value}
        onChange={event => {
          value.value = event.currentTarget.value as Choice
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
