/**
 * The address bar as a signal. A link is an ordinary `<a href>`: a click that stays on this origin
 * is taken over, so that links work with and without us. State that is worth sharing is in the
 * query, and is replaced, not pushed, so that the back button leaves the page.
 */

import { signal } from '@preact/signals'

export interface Location {
  readonly path: string
  readonly query: URLSearchParams
}

function read(): Location {
  const path = location.pathname.replace(/(.)\/$/, '$1')
  return { path, query: new URLSearchParams(location.search) }
}

export const here = signal<Location>(read())

export function go(href: string): void {
  history.pushState(null, '', href)
  here.value = read()
  scrollTo(0, 0)
}

/** Changes the query; undefined takes a name out. */
export function setQuery(changes: { readonly [name: string]: string | undefined }): void {
  const query = new URLSearchParams(location.search)
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) query.delete(name)
    else query.set(name, value)
  }
  const text = query.toString()
  history.replaceState(null, '', text === '' ? location.pathname : `${location.pathname}?${text}`)
  here.value = read()
}

export function startRouter(): void {
  addEventListener('popstate', () => {
    here.value = read()
  })
  addEventListener('click', event => {
    const link = (event.target as Element | null)?.closest?.('a')
    const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey)
    if (!link || !isPlain || event.defaultPrevented || link.target || link.hasAttribute('download'))
      return
    const url = new URL(link.href, location.href)
    const isOurs = url.origin === location.origin && /^\/(learn|operate)?(\/|$)/.test(url.pathname)
    if (!isOurs || (url.pathname === location.pathname && url.hash !== '')) return
    event.preventDefault()
    go(url.pathname + url.search)
  })
}
