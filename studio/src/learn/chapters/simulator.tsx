import { simulator } from '../../../../src/simulator/scenarios/guide.ts'
import { workerCode } from '../listings/worker.ts'
import { Scene } from '../scene.tsx'
import { Prose, Try } from './text.tsx'

export function SimulatorChapter() {
  return (
    <>
      <Prose>
        <p>
          This is not a drawing of a broker. It is <strong>the broker’s own engine</strong>, the one
          that serves this page’s other half, on a clock, a disk and dice that belong to the page. A
          seed decides everything that looks like chance, so a run can be stopped, wound back, and
          sent to somebody as a link.
        </p>
      </Prose>
      <Scene
        scenario={simulator}
        code={workerCode}
        actions={['send', 'spike', 'crash', 'power', 'heal', 'redrive']}
        isMain
      />
      <Try title="Five things to try">
        <ol>
          <li>
            <strong>A spike.</strong> Send a hundred at once. Then add consumers until the pool is
            empty. How many does it take to keep up with 5 orders a second?
          </li>
          <li>
            <strong>A crash.</strong> Set the prefetch to 5, crash a worker (<kbd>c</kbd>), and
            click one of the orders that it held: its life is told below, with reasons.
          </li>
          <li>
            <strong>Poison.</strong> Switch it on. Each tenth order fails on every attempt and ends
            with the dead letters. Repair and redrive them.
          </li>
          <li>
            <strong>A lease that is too short.</strong> Set the work to 4 s and the lease to 2 s.
            Who is charged twice? Then switch on <em>Workers are idempotent</em>.
          </li>
          <li>
            <strong>A power cut</strong> in the middle of a spike. Compare “sent” with “processed”
            once it is quiet.
          </li>
        </ol>
      </Try>
      <Prose>
        <p>
          Keys: <kbd>space</kbd> plays and pauses, <kbd>→</kbd> goes to the next event, <kbd>c</kbd>{' '}
          crashes a worker. The ledger is kept by a checker that only hears what was owed and what
          was done; it does not ask the broker. When its figures are red, something real was lost or
          done twice.
        </p>
      </Prose>
    </>
  )
}
