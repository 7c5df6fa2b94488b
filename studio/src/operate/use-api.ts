/** Asking once, and again on demand; and doing something, with what went wrong beside it. */

import { type Signal, useSignal } from '@preact/signals'
import { useLayoutEffect } from 'preact/hooks'
import { type ApiError, api } from '../api.ts'

export interface Asked<T> {
  readonly value: Signal<T | undefined>
  readonly failure: Signal<string | undefined>
  again(): void
}

/** Asks when the path changes; undefined asks nothing. */
export function useApi<T>(path: string | undefined, everyMs?: number): Asked<T> {
  const value = useSignal<T | undefined>(undefined)
  const failure = useSignal<string | undefined>(undefined)
  const round = useSignal(0)
  const asked = round.value
  // Before the paint, not after it: the answer is on its way while the page is drawn.
  useLayoutEffect(() => {
    if (path === undefined) return
    const abort = new AbortController()
    const ask = (): void => {
      if (document.hidden) return
      api<T>(path, { signal: abort.signal }).then(
        answer => {
          value.value = answer
          failure.value = undefined
        },
        (error: ApiError) => {
          if (!abort.signal.aborted) failure.value = error.message
        },
      )
    }
    ask()
    const timer = everyMs === undefined ? undefined : setInterval(ask, everyMs)
    return () => {
      abort.abort()
      clearInterval(timer)
    }
  }, [path, asked])
  return {
    value,
    failure,
    again: () => {
      round.value++
    },
  }
}

export interface Doing {
  readonly busy: Signal<boolean>
  /** What went wrong, or right; `tone` says which. */
  readonly said: Signal<{ readonly tone: 'good' | 'bad'; readonly text: string } | undefined>
  run(work: () => Promise<string | undefined>): Promise<boolean>
}

export function useDoing(): Doing {
  const busy = useSignal(false)
  const said = useSignal<{ tone: 'good' | 'bad'; text: string } | undefined>(undefined)
  return {
    busy,
    said,
    run: async work => {
      busy.value = true
      said.value = undefined
      try {
        const text = await work()
        if (text !== undefined) said.value = { tone: 'good', text }
        return true
      } catch (error) {
        said.value = { tone: 'bad', text: (error as Error).message }
        return false
      } finally {
        busy.value = false
      }
    },
  }
}
