/**
 * A scenario on the page: Visual (the flow, the ledger, the log) and Code (the same thing as a
 * program), by a toggle, or side by side where there is room. The keys work for the scene that was
 * used last: space, →, c, n, a.
 */

import { signal, useSignalEffect } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import type { Scenario } from '../../../src/simulator/scenario.ts'
import { here, setQuery } from '../router.ts'
import { prefersStill, remember, remembered } from '../theme.ts'
import { Later } from '../ui/later.tsx'
import { Tabs } from '../ui/tabs.tsx'
import { type CodeSet, CodeView } from './code-view.tsx'
import { type ActionName, Actions, crashOne, KnobControls, TimeControls } from './controls.tsx'
import { Flow } from './flow.tsx'
import { HandView } from './hand-view.tsx'
import { LedgerView } from './ledger-view.tsx'
import { LogView } from './log-view.tsx'
import { Player } from './player.ts'

type View = 'visual' | 'code'

/** One choice for the whole guide, remembered between visits; the address stays the same. */
export const view = signal<View>(remembered('view') === 'code' ? 'code' : 'visual')

let active: Player | undefined

export function Scene(props: {
  readonly scenario: Scenario
  readonly code?: CodeSet
  readonly actions?: readonly ActionName[]
  /** Its state is in the address. One per page. */
  readonly isMain?: boolean
  /** Only the flow and the ledger: for scenes side by side. */
  readonly isSmall?: boolean
  /** Another scene's player, to be played along. */
  readonly player?: Player
}) {
  const { scenario, code, isMain, isSmall, actions = ['send', 'spike', 'crash', 'heal'] } = props
  const player = useMemo(() => {
    if (props.player !== undefined) return props.player
    return isMain === true ? Player.fromQuery(scenario, here.peek().query) : new Player(scenario)
  }, [scenario])
  const element = useRef<HTMLElement>(null)

  useEffect(() => {
    if (isMain === true || active === undefined) active = player
    return () => {
      if (active === player) active = undefined
      player.dispose()
    }
  }, [player])

  // The address follows when time stands still: what is in it is what is seen.
  useSignalEffect(() => {
    player.tick.value
    if (isMain !== true || player.isPlaying.value || player.run.now === 0) return
    setQuery(player.query())
  })

  const manual = [...player.run.consumers.values()].find(one => one.plan.manual === true)
  const shown = code === undefined ? 'visual' : view.value
  const share = async () => {
    player.pause()
    setQuery(player.query())
    await navigator.clipboard.writeText(location.href)
  }
  return (
    <section
      class={isSmall === true ? 'scene small' : 'scene'}
      data-view={shown}
      data-scenario={scenario.id}
      aria-label={scenario.title}
      ref={element}
      onPointerDown={() => {
        active = player
      }}
      onFocusIn={() => {
        active = player
      }}
    >
      <header>
        <h2>{scenario.title}</h2>
        {code !== undefined && (
          <Tabs
            label="How to look at it"
            tabs={[
              ['visual', 'Visual'],
              ['code', 'Code'],
            ]}
            chosen={shown}
            onChoose={chooseView}
          />
        )}
      </header>
      <div class="sides">
        <div class="visual">
          <Flow player={player} />
          {manual !== undefined && <HandView player={player} consumer={manual} />}
          <TimeControls player={player} />
          {isSmall !== true && (
            <Actions
              player={player}
              actions={actions}
              onShare={isMain === true ? share : undefined}
            />
          )}
          <Later>
            <LedgerView player={player} />
            {isSmall !== true && <KnobControls player={player} />}
            <LogView player={player} />
          </Later>
        </div>
        {code !== undefined && (
          <div class="program">
            <CodeView code={code} player={player} />
          </div>
        )}
      </div>
    </section>
  )
}

function chooseView(next: View): void {
  view.value = next
  remember('view', next)
}

const typing = new Set(['INPUT', 'SELECT', 'TEXTAREA'])

addEventListener('keydown', event => {
  const target = event.target as HTMLElement
  if (active === undefined || typing.has(target.tagName) || target.closest('dialog')) return
  if (event.metaKey || event.ctrlKey || event.altKey) return
  const isControl = target.closest('a, button, summary, [contenteditable]') !== null
  const hand = [...active.run.consumers.values()].some(one => one.plan.manual === true)
  switch (event.key) {
    case ' ':
      if (isControl) return
      if (prefersStill.value) active.step()
      else active.toggle()
      break
    case 'ArrowRight':
      active.step()
      break
    case 'c':
      crashOne(active)
      break
    case 'a':
    case 'n':
      if (!hand) return
      active.act({ kind: 'hand', act: event.key === 'a' ? 'ack' : 'nack' })
      break
    default:
      return
  }
  event.preventDefault()
})
