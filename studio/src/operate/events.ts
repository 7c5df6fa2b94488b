/**
 * The broker's event stream, as signals. A page says what it wants to hear; when that changes, the
 * stream is opened anew. A page that is not seen hears nothing.
 */

import { type Signal, useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Events, Tail } from '../../../src/admin/contract.ts'

export interface Wanted {
  readonly topics?: readonly ('overview' | 'queues')[]
  readonly queue?: string | undefined
  readonly tail?: string | undefined
  /** For the list: search, sort, order, offset, limit, protocol, kind. */
  readonly list?: { readonly [name: string]: string } | undefined
}

export interface Heard {
  readonly overview: Signal<Events['overview'] | undefined>
  readonly queues: Signal<Events['queues'] | undefined>
  readonly queue: Signal<Events['queue'] | null | undefined>
  readonly isOpen: Signal<boolean>
}

export function useEvents(wanted: Wanted, onTail?: (tail: Tail) => void): Heard {
  const overview = useSignal<Events['overview'] | undefined>(undefined)
  const queues = useSignal<Events['queues'] | undefined>(undefined)
  const queue = useSignal<Events['queue'] | null | undefined>(undefined)
  const isOpen = useSignal(true)
  const tell = useRef(onTail)
  tell.current = onTail
  const isFirst = useRef(true)
  const query = queryOf(wanted)
  useLayoutEffect(() => {
    let source: EventSource | undefined
    const close = (): void => {
      source?.close()
      source = undefined
    }
    const open = (): void => {
      close()
      if (document.hidden) return
      source = new EventSource(`/api/events?${query}`)
      source.onopen = () => {
        isOpen.value = true
      }
      source.onerror = () => {
        isOpen.value = false
      }
      on(source, 'overview', value => {
        overview.value = value
      })
      on(source, 'queues', value => {
        queues.value = value
      })
      on(source, 'queue', value => {
        queue.value = value
      })
      on(source, 'tail', value => tell.current?.(value))
    }
    // A list that is scrolled through asks once, when it comes to rest; the first time at once.
    const timer = setTimeout(open, isFirst.current ? 0 : 60)
    isFirst.current = false
    document.addEventListener('visibilitychange', open)
    return () => {
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', open)
      close()
    }
  }, [query])
  return { overview, queues, queue, isOpen }
}

function on<Name extends keyof Events>(
  source: EventSource,
  name: Name,
  tell: (value: Events[Name]) => void,
): void {
  source.addEventListener(name, event => {
    tell(JSON.parse((event as MessageEvent<string>).data) as Events[Name])
  })
}

function queryOf({ topics = [], queue, tail, list }: Wanted): string {
  const query = new URLSearchParams(list)
  if (topics.length > 0) query.set('topics', topics.join(','))
  if (queue !== undefined) query.set('queue', queue)
  if (tail !== undefined) query.set('tail', tail)
  return query.toString()
}
