/**
 * The flow: every producer, queue and consumer is a box in the page, which can be focused and read;
 * the messages are dots on a canvas above them. The canvas says nothing that the boxes, the ledger
 * and the log do not say in words.
 */

import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { Consumer } from '../../../src/simulator/consumer.ts'
import type { Place } from '../../../src/simulator/scenario.ts'
import type { QueueView } from '../../../src/simulator/simulation.ts'
import { prefersStill } from '../theme.ts'
import { signs } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { FlowPainter } from './flow-painter.ts'
import type { Player } from './player.ts'

export function Flow({ player }: { readonly player: Player }) {
  player.tick.value
  const frame = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const { run } = player
  const { plan } = run

  useEffect(() => {
    const painter = new FlowPainter(frame.current!, canvas.current!, player)
    player.onFrame = () => painter.paint()
    const observer = new ResizeObserver(() => painter.measure())
    observer.observe(frame.current!)
    painter.measure()
    return () => {
      observer.disconnect()
      player.onFrame = undefined
    }
  }, [player])

  const columns = Math.max(1, ...placesOf(player).map(place => place.column + 1))
  const rows = Math.max(1, ...placesOf(player).map(place => place.row + 1))
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="flow-scroll" tabIndex={0} aria-label={`Flow: ${player.scenario.title}`}>
      <div
        class={rows > 3 ? 'flow dense' : 'flow'}
        ref={frame}
        style={{
          gridTemplateColumns: `repeat(${columns}, minmax(var(--node-min), 14.5rem))`,
          gridTemplateRows: `repeat(${rows}, auto)`,
        }}
        data-still={prefersStill.value}
      >
        {plan.chain !== undefined && <ChainBoxes player={player} />}
        {plan.producers.map(producer => {
          const actor = run.producers.get(producer.name)
          return (
            <Box key={producer.name} name={producer.name} kind="producer" place={producer.place}>
              <Title of={producer.title} />
              <span>
                {actor?.isDown === true
                  ? '✕ down'
                  : `sends ${producer.perSecond === 0 ? 'when asked' : `${producer.perSecond}/s`}`}
              </span>
              {(actor?.waiting ?? 0) > 0 && <span>{actor!.waiting} not taken yet</span>}
            </Box>
          )
        })}
        {(plan.routes ?? []).map(route => (
          <Box key={route.name} name={route.name} kind="route" place={route.place}>
            <Title of={route.title} />
            <span>to each of {route.bindings.length}</span>
          </Box>
        ))}
        {run.queues().map(queue => (
          <QueueBox key={queue.plan.name} queue={queue} player={player} />
        ))}
        {[...run.consumers.values()].map(consumer => (
          <ConsumerBox key={consumer.plan.name} consumer={consumer} player={player} />
        ))}
        {[...run.readers.values()].map(reader => (
          <Box
            key={reader.plan.name}
            name={reader.plan.name}
            kind="consumer"
            place={reader.plan.place}
          >
            <strong>{reader.plan.title}</strong>
            <span>{reader.isDown ? '↻ sharing anew' : `read ${reader.done}`}</span>
            <span>committed up to {reader.committed}</span>
          </Box>
        ))}
        {(plan.downstreams ?? []).map(service => {
          const [from, to] = service.downMs ?? [0, 0]
          const isDown = run.now >= from && run.now < to
          return (
            <Box key={service.name} name={service.name} kind="service" place={service.place}>
              <strong>{service.title}</strong>
              <span>{isDown ? '✕ down' : `bears ${service.perSecond} calls a second`}</span>
              <span>{run.ledger.failedCalls} calls failed</span>
            </Box>
          )
        })}
        <canvas ref={canvas} aria-hidden="true" />
      </div>
    </section>
  )
}

function placesOf({ run }: Player): Place[] {
  const { plan } = run
  const all = [
    ...plan.producers,
    ...plan.queues,
    ...plan.consumers,
    ...(plan.routes ?? []),
    ...(plan.readers ?? []),
    ...(plan.downstreams ?? []),
    ...(plan.chain === undefined ? [] : [plan.chain, ...plan.chain.steps]),
  ]
  return all.map(({ place }) => place)
}

function Box(props: {
  readonly name: string
  readonly kind: string
  readonly place: Place
  readonly children: ComponentChildren
}) {
  const { column, row } = props.place
  return (
    <div
      class={`node ${props.kind}`}
      data-node={props.name}
      style={{ gridColumn: String(column + 1), gridRow: String(row + 1) }}
    >
      {props.children}
    </div>
  )
}

function QueueBox({ queue, player }: { readonly queue: QueueView; readonly player: Player }) {
  const { plan, ready, leased, delayed } = queue
  return (
    <Box name={plan.name} kind={plan.isDead === true ? 'queue dead' : 'queue'} place={plan.place}>
      <Title of={plan.title} />
      <span class="counts">
        <span>
          <i>{plan.isDead === true ? signs.dead : signs.ready}</i> {ready}{' '}
          {plan.isDead === true ? 'dead' : plan.isLog === true ? 'behind' : 'ready'}
        </span>
        {leased > 0 && (
          <span>
            <i>{signs.flight}</i> {leased} out
          </span>
        )}
        {delayed > 0 && (
          <span>
            <i>{signs.delayed}</i> {delayed} later
          </span>
        )}
      </span>
      <span class="pool" data-pool={plan.name} />
      {plan.isDead === true && ready > 0 && (
        <Button small onClick={() => player.act({ kind: 'redrive' })}>
          Repair and redrive
        </Button>
      )}
    </Box>
  )
}

function ConsumerBox(props: { readonly consumer: Consumer; readonly player: Player }) {
  const { consumer, player } = props
  const { name, title, place } = consumer.plan
  const { length } = consumer.holding
  const state = consumer.isDown
    ? '✕ down'
    : consumer.isPaused
      ? '◔ paused'
      : length === 0
        ? 'idle'
        : `◐ holds ${length}`
  return (
    <Box name={name} kind={consumer.isDown ? 'consumer down' : 'consumer'} place={place}>
      <Title of={title} />
      <span>{state}</span>
      <span>
        {signs.done} {consumer.done} done
      </span>
      {consumer.plan.manual !== true && (
        <span class="acts">
          <button
            type="button"
            aria-label={`Crash ${title}`}
            title={`Crash ${title}`}
            disabled={consumer.isDown}
            onClick={() => player.act({ kind: 'crash', consumer: name })}
          >
            ⚡
          </button>
          <button
            type="button"
            aria-label={consumer.isPaused ? `Resume ${title}` : `Pause ${title}`}
            title={consumer.isPaused ? `Resume ${title}` : `Pause ${title}`}
            disabled={consumer.isDown}
            onClick={() => player.act({ kind: 'pause', consumer: name })}
          >
            {consumer.isPaused ? '▸' : 'Ⅱ'}
          </button>
        </span>
      )}
    </Box>
  )
}

function ChainBoxes({ player }: { readonly player: Player }) {
  const { chain } = player.run
  const plan = player.run.plan.chain!
  return (
    <>
      <Box name={plan.name} kind="producer" place={plan.place}>
        <Title of={plan.title} />
        <span>
          {chain?.busy ?? 0} of {plan.workers} busy
        </span>
        <span>{chain?.waiting ?? 0} users in line</span>
        <span>{((chain?.tookMs ?? 0) / 1000).toFixed(1)} s an order</span>
      </Box>
      {plan.steps.map(step => (
        <Box
          key={step.name}
          name={step.name}
          kind={step.down === true ? 'consumer down' : 'consumer'}
          place={step.place}
        >
          <strong>{step.title}</strong>
          <span>{step.down === true ? '✕ down' : `answers in ${step.workMs} ms`}</span>
        </Box>
      ))}
    </>
  )
}

/** A long name breaks after a dot, and not in the middle of a word. */
function Title({ of }: { readonly of: string }) {
  const [first, ...rest] = of.split('.')
  return (
    <strong>
      {first}
      {rest.map(part => (
        <>
          .<wbr />
          {part}
        </>
      ))}
    </strong>
  )
}
