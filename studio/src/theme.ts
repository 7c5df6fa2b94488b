/** Light, dark, or as the system says. `public/theme.js` applies the choice before first paint. */

import { signal } from '@preact/signals'

export type Theme = 'system' | 'light' | 'dark'

export const theme = signal<Theme>(
  (document.documentElement.dataset['theme'] as Theme | undefined) ?? 'system',
)

export function chooseTheme(next: Theme): void {
  theme.value = next
  if (next === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = next
  remember('theme', next === 'system' ? undefined : next)
}

/** Keeps a small choice between visits; silently does not where storage is switched off. */
export function remember(name: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(`spillway.${name}`)
    else localStorage.setItem(`spillway.${name}`, value)
  } catch {
    // A private window without storage: the choice lasts as long as the page.
  }
}

export function remembered(name: string): string | undefined {
  try {
    return localStorage.getItem(`spillway.${name}`) ?? undefined
  } catch {
    return undefined
  }
}

const reduced = matchMedia('(prefers-reduced-motion: reduce)')

/** The reader wants no motion: simulations go step by step. */
export const prefersStill = signal(reduced.matches)
reduced.addEventListener('change', () => {
  prefersStill.value = reduced.matches
})
