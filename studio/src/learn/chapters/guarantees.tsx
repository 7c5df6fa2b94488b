import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { Scenario } from '../../../../src/simulator/scenario.ts'
import {
  atLeastOnce,
  atMostOnce,
  effectivelyOnce,
} from '../../../../src/simulator/scenarios/guide.ts'
import { Simulation } from '../../../../src/simulator/simulation.ts'
import { Button } from '../../ui/button.tsx'
import { whole } from '../../ui/number.ts'
import { CodeView } from '../code-view.tsx'
import { guaranteeCode } from '../listings/guarantees.ts'
import { useOutcomes } from '../outcome.ts'
import { Player } from '../player.ts'
import { Scene } from '../scene.tsx'
import { Prose, Try } from './text.tsx'

export function Guarantees() {
  const players = useMemo(
    () => [atMostOnce, atLeastOnce, effectivelyOnce].map(scenario => new Player(scenario)),
    [],
  )
  const all = (act: (player: Player) => void) => () => {
    for (const player of players) act(player)
  }
  return (
    <>
      <Prose>
        <p>
          Three consumers, the same forty orders, the same crash at the sixth one. They differ in
          one thing: <strong>when they say “done”</strong>, and what they remember.
        </p>
      </Prose>
      <Try title="Crash all three">
        <ol>
          <li>
            Run all three to the end, and compare the last line of each ledger: one is short of 100,
            one has 100 too much, one agrees.
          </li>
          <li>In each log, find the crash, and the order that it cost.</li>
        </ol>
        <div class="row">
          <Button primary onClick={all(player => player.play())}>
            Play all three
          </Button>
          <Button onClick={all(player => player.seek(60_000))}>Show the end</Button>
          <Button quiet onClick={all(player => player.restart())}>
            From the beginning
          </Button>
        </div>
      </Try>
      <div class="trio">
        {players.map(player => (
          <Scene key={player.scenario.id} scenario={player.scenario} player={player} isSmall />
        ))}
      </div>
      <Prose>
        <h2>What each one is</h2>
        <ul>
          <li>
            <strong>At most once</strong>: ack, then work. A crash in between loses the message.
            Right for a temperature that comes again in a second; wrong for money.
          </li>
          <li>
            <strong>At least once</strong>: work, then ack. A crash in between does the work again.
            The usual choice, and the default here.
          </li>
          <li>
            <strong>Effectively once</strong>: at least once, plus a memory of what has been done,
            written in the same step as doing it. The message comes twice; the effect takes place
            once.
          </li>
        </ul>
        <p>
          Nobody can promise that a message is <em>delivered</em> exactly once: between the work and
          the ack there is always a moment at which one side can die. Whoever promises it has moved
          that moment, not removed it.
        </p>
      </Prose>
      <Compared />
      <CodeView code={guaranteeCode} />
    </>
  )
}

const rows = [
  { scenario: atMostOnce, name: 'At most once', crash: '1 lost', needs: 'None' },
  {
    scenario: atLeastOnce,
    name: 'At least once',
    crash: '1 done twice',
    needs: 'Handlers that bear a repeat',
  },
  {
    scenario: effectivelyOnce,
    name: 'Effectively once',
    crash: 'None lost, none twice',
    needs: 'A table of ids, in the transaction of the effect',
  },
] as const

/** Reliability as counted, complexity in words, speed as this browser measures it. */
function Compared() {
  const outcomes = useOutcomes(rows.map(({ scenario }) => ({ scenario, lengthMs: runMs })))
  const speeds = useSignal<readonly number[] | undefined>(undefined)
  const busy = useSignal(false)
  const measure = (): void => {
    busy.value = true
    // The button is painted as busy before the page works.
    requestAnimationFrame(() =>
      setTimeout(() => {
        speeds.value = measureAll()
        busy.value = false
      }),
    )
  }
  return (
    <>
      <section class="table-scroll" aria-label="The three guarantees compared">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Guarantee</th>
              <th scope="col">After the crash</th>
              <th scope="col" class="num">
                Deliveries for 40 orders
              </th>
              <th scope="col" class="num">
                Orders a second, in this browser
              </th>
              <th scope="col">Work it needs</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, crash, needs }, index) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{crash}</td>
                <td class="num">{outcomes.value?.[index]?.deliveries ?? '…'}</td>
                <td class="num" data-speed>
                  {speeds.value === undefined ? '–' : whole(Math.round(speeds.value[index]!))}
                </td>
                <td>{needs}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <div class="row">
        <Button onClick={measure} disabled={busy.value}>
          {busy.value ? 'Measuring…' : 'Measure the speed here'}
        </Button>
        <small>
          The engine in this page, with its simulated disk and the crash: about a second of work,
          the three in turn. It compares the three; how fast a broker is, the next chapters say.
        </small>
      </div>
    </>
  )
}

/** After this time all three are at rest. */
const runMs = 60_000

function runOnce(scenario: Scenario): { readonly sent: number } {
  const run = new Simulation(scenario)
  run.advance(runMs)
  return run.counts()
}

/** In turn, several times, so that what warms up helps all three alike. */
function measureAll(): readonly number[] {
  const orders = rows.map(() => 0)
  const spent = rows.map(() => 0)
  for (const { scenario } of rows) runOnce(scenario)
  while (Math.min(...spent) < 300) {
    for (const [index, { scenario }] of rows.entries()) {
      const began = performance.now()
      orders[index]! += runOnce(scenario).sent
      spent[index]! += performance.now() - began
    }
  }
  return orders.map((count, index) => (count * 1000) / spent[index]!)
}
