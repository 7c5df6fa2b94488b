/** The frame around every page: the navigation with both halves, the theme, the page itself. */

import { useSignal, useSignalEffect } from '@preact/signals'
import type { ComponentType } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { here } from './router.ts'
import { loadedPage, loadPage, matchRoute, type PageProps, type Route, routes } from './routes.ts'
import { chooseTheme, type Theme, theme } from './theme.ts'
import { Button } from './ui/button.tsx'
import { Empty } from './ui/empty.tsx'

type Shown =
  | { readonly kind: 'page'; readonly path: string; readonly Page: ComponentType<PageProps> }
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'missing' }

export function Shell() {
  const isOpen = useSignal(false)
  const path = here.value.path
  const match = matchRoute(path)
  const route = match?.route
  const shown = useSignal<Shown>(shownAtFirst(route))
  const main = useRef<HTMLElement>(null)

  // Not after the paint: that would be a frame later.
  useLayoutEffect(() => {
    let isCurrent = true
    isOpen.value = false
    if (route === undefined) {
      shown.value = { kind: 'missing' }
      return
    }
    document.title = path === '/' ? route.title : `${route.title} · Spillway`
    const known = shownAtFirst(route)
    if (known.kind === 'page') {
      const now = shown.peek()
      if (now.kind !== 'page' || now.path !== known.path) shown.value = known
      return
    }
    loadPage(route).then(
      Page => {
        if (isCurrent) shown.value = { kind: 'page', path: route.path, Page }
      },
      (error: Error) => {
        if (isCurrent) shown.value = { kind: 'failed', message: error.message }
      },
    )
    return () => {
      isCurrent = false
    }
  }, [path])

  // A reader who follows a link with a screen reader is taken to the new page, not left behind.
  useSignalEffect(() => {
    if (shown.value.kind === 'page' && document.activeElement?.closest('.side'))
      main.current?.focus({ preventScroll: true })
  })

  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header class="topbar">
        <Brand />
        <Button
          quiet
          expanded={isOpen.value}
          onClick={() => {
            isOpen.value = !isOpen.value
          }}
        >
          ☰ Pages
        </Button>
      </header>
      {isOpen.value && (
        <button
          type="button"
          class="scrim"
          aria-label="Close the list of pages"
          onClick={() => {
            isOpen.value = false
          }}
        />
      )}
      <aside class={isOpen.value ? 'side open' : 'side'} aria-label="Studio">
        <Brand />
        <nav aria-label="Pages">
          <Half title="Learn" half="learn" path={path} />
          <Half title="Operate" half="operate" path={path} />
        </nav>
        <footer>
          <ThemeChoice />
        </footer>
      </aside>
      <main class="page" id="main" tabIndex={-1} ref={main}>
        <PageArea shown={shown.value} params={match?.params ?? {}} key={route?.path ?? path} />
      </main>
    </div>
  )
}

function shownAtFirst(route: Route | undefined): Shown {
  const Page = route === undefined ? undefined : loadedPage(route)
  if (route === undefined || Page === undefined) return { kind: 'loading' }
  return { kind: 'page', path: route.path, Page }
}

function PageArea({ shown, params }: { shown: Shown; params: PageProps['params'] }) {
  switch (shown.kind) {
    case 'page':
      return <shown.Page params={params} key={JSON.stringify(params)} />
    case 'loading':
      return <p class="visually-hidden">Loading</p>
    case 'failed':
      return (
        <Empty title="This page did not load">
          <p>{shown.message}</p>
        </Empty>
      )
    case 'missing':
      return (
        <Empty title="There is no such page">
          <p>
            The list on the left has all of them. <a href="/">Begin at the beginning.</a>
          </p>
        </Empty>
      )
  }
}

function Brand() {
  return (
    <a class="brand" href="/">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="7" fill="#0b5c70" />
        <path
          d="M5 11h6c5 0 5 11 10 11h6"
          fill="none"
          stroke="#e6f6f7"
          stroke-width="3.2"
          stroke-linecap="round"
        />
        <path
          d="M5 16.5h3.5c4.5 0 4.6 9.5 9.5 9.5"
          fill="none"
          stroke="#6fd0d6"
          stroke-width="2.2"
          stroke-linecap="round"
        />
      </svg>
      Spillway
    </a>
  )
}

function Half({ title, half, path }: { title: string; half: Route['half']; path: string }) {
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <ul>
        {routes
          .filter(route => route.half === half && route.nav !== undefined)
          .map(route => (
            <li key={route.path}>
              <a href={route.path} aria-current={isWithin(path, route) ? 'page' : undefined}>
                <span class="mark" aria-hidden="true">
                  {route.nav!.mark}
                </span>
                {route.nav!.label}
              </a>
            </li>
          ))}
      </ul>
    </section>
  )
}

/** A page below a listed one marks that one: `/operate/queues/orders` is within Queues. */
function isWithin(path: string, route: Route): boolean {
  return path === route.path || (route.path !== '/operate' && path.startsWith(`${route.path}/`))
}

const themes: readonly (readonly [Theme, string])[] = [
  ['system', 'Auto'],
  ['light', 'Light'],
  ['dark', 'Dark'],
]

function ThemeChoice() {
  return (
    <fieldset class="tabs" aria-label="Colours">
      {themes.map(([value, label]) => (
        <button
          type="button"
          key={value}
          aria-pressed={theme.value === value}
          onClick={() => chooseTheme(value)}
        >
          {label}
        </button>
      ))}
    </fieldset>
  )
}
