import { problem } from '../../../../src/simulator/scenarios/guide.ts'
import { monolithCode } from '../listings/monolith.ts'
import { Scene } from '../scene.tsx'
import { Prose, Try } from './text.tsx'

export function Problem() {
  return (
    <>
      <Prose>
        <p>
          A user places an order. The shop charges the card, reserves the goods, sends a
          confirmation, tells the warehouse and counts the sale:{' '}
          <strong>five calls, one after the other</strong>, while the user looks at a spinner.
        </p>
      </Prose>
      <Try title="Break it">
        <ol>
          <li>Press Play. Each order takes about 0.6 s. All is well.</li>
          <li>
            Drag <strong>E-mail takes</strong> to 2 s. Nobody’s e-mail is urgent, and yet every user
            waits for it.
          </li>
          <li>
            Drag it past 3 s, where the shop’s patience ends; or switch on{' '}
            <strong>Warehouse is down</strong>. Now look at the ledger.
          </li>
        </ol>
      </Try>
      <Scene scenario={problem} code={monolithCode} actions={['send', 'spike', 'heal']} isMain />
      <Prose>
        <h2>What you saw</h2>
        <p>
          <strong>The user waits for the sum.</strong> The slowest service sets the pace of all
          five. With four orders in work and 2 s each, the shop can take two a second, whatever the
          other services could do.
        </p>
        <p>
          <strong>One failure fails everything.</strong> With the warehouse down, the card was
          charged and the goods were reserved, and then the order failed. Five services that are
          each up 99.9 % of the time give a shop that is up 99.5 %: almost four hours down each
          month.
        </p>
        <p>
          <strong>A spike has nowhere to go.</strong> Press Spike ×100: a hundred users stand in
          line, and the line is in the memory of a process that may be restarted.
        </p>
        <p>
          None of the five steps is wrong. What is wrong is that they are tied together{' '}
          <em>in time</em>: each must be up, and quick, at the very moment when the user clicks.
        </p>
      </Prose>
    </>
  )
}
