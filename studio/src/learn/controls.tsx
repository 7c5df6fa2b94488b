/** The controls of a run: time on one row, what can be done to it, and its knobs. */

import { useSignal } from '@preact/signals'
import type { KnobSpec } from '../../../src/simulator/scenario.ts'
import { prefersStill } from '../theme.ts'
import { Button } from '../ui/button.tsx'
import { Slider, Toggle } from '../ui/toggle.tsx'
import { type Player, speeds } from './player.ts'

export function TimeControls({ player }: { readonly player: Player }) {
  player.tick.value
  const isPlaying = player.isPlaying.value
  const seconds = (player.run.now / 1000).toFixed(1)
  return (
    <section class="time" aria-label={`Time: ${player.scenario.title}`}>
      {prefersStill.value ? (
        <Button primary onClick={() => player.skip(1000)}>
          One second on
        </Button>
      ) : (
        <Button primary shortcut="space" onClick={() => player.toggle()}>
          {isPlaying ? 'Pause' : 'Play'}
        </Button>
      )}
      <Button shortcut="→" onClick={() => player.step()}>
        Next event
      </Button>
      <Button onClick={() => player.restart()}>
        ↺<span class="visually-hidden">From the beginning</span>
      </Button>
      <label class="scrub">
        <span class="visually-hidden">Moment</span>
        <input
          type="range"
          min={0}
          max={Math.ceil(player.reached.value)}
          step={50}
          value={player.run.now}
          aria-valuetext={`${seconds} seconds`}
          onInput={event => {
            player.pause()
            player.seek(Number(event.currentTarget.value))
          }}
        />
      </label>
      <output class="now">{seconds} s</output>
      {!prefersStill.value && (
        <label class="speed">
          <span class="visually-hidden">Speed</span>
          <select
            class="input"
            value={String(player.speed.value)}
            onChange={event => {
              player.speed.value = Number(event.currentTarget.value)
            }}
          >
            {speeds.map(speed => (
              <option key={speed} value={String(speed)}>
                {speed}×
              </option>
            ))}
          </select>
        </label>
      )}
    </section>
  )
}

export function Actions(props: {
  readonly player: Player
  readonly actions: readonly ActionName[]
  readonly onShare?: (() => Promise<void>) | undefined
}) {
  const { player, actions, onShare } = props
  const isShared = useSignal(false)
  return (
    <div class="row">
      {actions.map(name => {
        const { label, shortcut, danger, run } = actionTable[name]
        return (
          <Button
            key={name}
            {...(shortcut === undefined ? {} : { shortcut })}
            {...(danger === true ? { danger: true } : {})}
            onClick={() => run(player)}
          >
            {label}
          </Button>
        )
      })}
      {onShare !== undefined && (
        <Button
          quiet
          onClick={() => {
            void onShare().then(() => {
              isShared.value = true
            })
          }}
        >
          {isShared.value ? 'Link copied' : 'Copy a link to this moment'}
        </Button>
      )}
    </div>
  )
}

export type ActionName =
  | 'send'
  | 'spike'
  | 'crash'
  | 'crash-producer'
  | 'power'
  | 'heal'
  | 'redrive'

interface Action {
  readonly label: string
  readonly shortcut?: string
  readonly danger?: boolean
  readonly run: (player: Player) => void
}

export const actionTable: { readonly [name in ActionName]: Action } = {
  send: { label: 'Send one', run: player => player.act({ kind: 'send', count: 1 }) },
  spike: { label: 'Spike ×100', run: player => player.act({ kind: 'send', count: 100 }) },
  crash: { label: 'Crash a worker', shortcut: 'c', danger: true, run: crashOne },
  'crash-producer': {
    label: 'Crash the shop',
    danger: true,
    run: player => player.act({ kind: 'crash-producer' }),
  },
  power: {
    label: 'Cut the broker’s power',
    danger: true,
    run: player => player.act({ kind: 'power' }),
  },
  heal: { label: 'Heal', run: player => player.act({ kind: 'heal' }) },
  redrive: { label: 'Repair and redrive', run: player => player.act({ kind: 'redrive' }) },
}

/** The one that holds most, so that there is something to see. */
export function crashOne(player: Player): void {
  const up = [...player.run.consumers.values()].filter(consumer => !consumer.isDown)
  up.sort((a, b) => b.holding.length - a.holding.length)
  const [first] = up
  if (first === undefined) return
  if (first.plan.manual === true) player.act({ kind: 'hand', act: 'crash' })
  else player.act({ kind: 'crash', consumer: first.plan.name })
}

export function KnobControls({ player }: { readonly player: Player }) {
  player.tick.value
  return (
    <fieldset class="knobs">
      <legend class="visually-hidden">Knobs</legend>
      {player.scenario.knobs.map(spec => (
        <Knob key={spec.name} spec={spec} player={player} />
      ))}
    </fieldset>
  )
}

function Knob({ spec, player }: { readonly spec: KnobSpec; readonly player: Player }) {
  const value = player.run.knobs[spec.name]!
  if (spec.kind === 'switch') {
    return (
      <Toggle checked={value === 1} onChange={on => player.turn(spec.name, on ? 1 : 0)}>
        {spec.label}
      </Toggle>
    )
  }
  return (
    <Slider
      label={spec.label}
      min={spec.min}
      max={spec.max}
      step={spec.step ?? 1}
      value={value}
      text={textOf(spec, value)}
      onInput={next => player.turn(spec.name, next)}
    />
  )
}

function textOf({ kind, name }: KnobSpec, value: number): string {
  if (name === 'lease' && value === 0) return 'the connection'
  switch (kind) {
    case 'ms':
      return value >= 1000
        ? `${(value / 1000).toFixed(value % 1000 === 0 ? 0 : 1)} s`
        : `${value} ms`
    case 'percent':
      return `${value} %`
    case 'rate':
      return `${value}/s`
    default:
      return String(value)
  }
}
