/**
 * What is below the first screen is drawn when the browser has painted what is on it and has
 * nothing else to do: a reader can act at once, and does not wait for what they do not see.
 */

import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'

/** A page that is never idle shows it after this time, too. */
const patienceMs = 250

export function Later({ children }: { readonly children: ComponentChildren }) {
  const isTime = useSignal(false)
  useEffect(() => {
    const show = (): void => {
      isTime.value = true
    }
    // Safari has no idle callbacks; an effect runs after the paint anyway.
    if (typeof requestIdleCallback !== 'function') return show()
    const asked = requestIdleCallback(show, { timeout: patienceMs })
    return () => cancelIdleCallback(asked)
  }, [])
  return isTime.value ? children : null
}
