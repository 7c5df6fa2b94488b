export interface TabsProps<Id extends string> {
  readonly label: string
  readonly tabs: readonly (readonly [id: Id, title: string])[]
  readonly chosen: Id
  readonly onChoose: (id: Id) => void
}

/** A choice between views, as buttons that are pressed or not: every one is reached with Tab. */
export function Tabs<Id extends string>(props: TabsProps<Id>) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot scroll in itself everywhere
    <div class="tabs" role="group" aria-label={props.label}>
      {props.tabs.map(([id, title]) => (
        <button
          type="button"
          key={id}
          aria-pressed={props.chosen === id}
          onClick={() => props.onChoose(id)}
        >
          {title}
        </button>
      ))}
    </div>
  )
}
