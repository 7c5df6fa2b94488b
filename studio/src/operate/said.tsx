import type { Doing } from './use-api.ts'

/** What became of what was asked for, told to screen readers, too. */
export function Said({ doing }: { readonly doing: Doing }) {
  const said = doing.said.value
  return (
    <div class="said" aria-live="polite">
      {said !== undefined && (
        <p class={said.tone === 'bad' ? 'note bad' : 'note'}>
          <span aria-hidden="true">{said.tone === 'bad' ? '✕ ' : '✓ '}</span>
          {said.text}
        </p>
      )}
    </div>
  )
}
