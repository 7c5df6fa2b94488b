/** What happened, in words, and the life of one message with its reasons. */

import type { Happening } from '../../../src/simulator/history.ts'
import { type MessageState, StateBadge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import type { Player } from './player.ts'

const shownMax = 40

const stateOf: { readonly [kind: string]: MessageState } = {
  sent: 'ready',
  delivered: 'flight',
  effect: 'done',
  acked: 'done',
  returned: 'retrying',
  'lease-ended': 'retrying',
  failed: 'retrying',
  redriven: 'retrying',
  moved: 'delayed',
  rejected: 'dead',
  dead: 'dead',
  lost: 'dead',
  repeat: 'dead',
  refused: 'dead',
  crash: 'dead',
  power: 'dead',
}

const words: { readonly [kind: string]: string } = {
  'late-ack': 'too late',
  'lease-ended': 'lease over',
  repeat: 'duplicate',
  effect: 'done',
}

export function LogView({ player }: { readonly player: Player }) {
  player.tick.value
  const chosen = player.chosen.value
  const { history } = player.run
  const items = chosen === undefined ? history.items.slice(-shownMax) : history.biography(chosen)
  const shown = [...items].slice(-shownMax * 3)
  if (chosen === undefined) shown.reverse()
  return (
    <section
      class="log"
      aria-label={`${chosen === undefined ? 'Log' : `Biography of order ${chosen}`}: ${player.scenario.title}`}
    >
      <header>
        <h3>{chosen === undefined ? 'What happened' : `The life of order ${chosen}`}</h3>
        {chosen === undefined ? (
          <small>Choose an order to follow it.</small>
        ) : (
          <Button
            small
            quiet
            onClick={() => {
              player.chosen.value = undefined
            }}
          >
            All orders
          </Button>
        )}
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <div class="log-rows" tabIndex={0}>
        <table>
          <thead class="visually-hidden">
            <tr>
              <th scope="col">Time</th>
              <th scope="col">What</th>
              <th scope="col">Order</th>
              <th scope="col">Why</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(item => (
              <Row key={item.id} item={item} player={player} isOne={chosen !== undefined} />
            ))}
          </tbody>
        </table>
        {shown.length === 0 && <p>Nothing yet. Press Play, or send an order.</p>}
      </div>
    </section>
  )
}

function Row(props: {
  readonly item: Happening
  readonly player: Player
  readonly isOne: boolean
}) {
  const { at, kind, message, text } = props.item
  const state = stateOf[kind]
  const word = words[kind] ?? kind
  return (
    <tr>
      <td class="num">{(at / 1000).toFixed(2)} s</td>
      <td>
        {state === undefined ? (
          <span class="badge">{word}</span>
        ) : (
          <StateBadge state={state}>{word}</StateBadge>
        )}
      </td>
      {!props.isOne && (
        <td>
          {message !== undefined && (
            <button
              type="button"
              class="link"
              onClick={() => {
                props.player.chosen.value = message
              }}
            >
              #{message}
            </button>
          )}
        </td>
      )}
      <td>{text}</td>
    </tr>
  )
}
