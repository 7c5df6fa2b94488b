/** The ledger in words and figures: what was owed, what came of it, and whether the sums agree. */

import type { LedgerCounts } from '../../../src/simulator/ledger.ts'
import { whole } from '../ui/number.ts'
import type { Player } from './player.ts'

type Tone = 'plain' | 'bad' | 'good'

export function LedgerView({ player }: { readonly player: Player }) {
  player.tick.value
  const counts = player.run.counts()
  const difference = counts.actual - counts.expected
  return (
    <section
      class={isWell(counts) ? 'ledger' : 'ledger red'}
      aria-label={`Ledger: ${player.scenario.title}`}
    >
      <dl>
        <Entry name="Sent" value={counts.sent} />
        <Entry name="Processed" value={counts.processed} />
        <Entry name="In flight" value={counts.inFlight} />
        <Entry name="Dead letters" value={counts.dead} />
        <Entry name="Lost" value={counts.lost} tone={counts.lost > 0 ? 'bad' : 'good'} />
        <Entry
          name="Duplicated"
          value={counts.duplicated}
          tone={counts.duplicated > 0 ? 'bad' : 'good'}
        />
        <Entry name="Out of order" value={counts.outOfOrder} />
        <Entry name="Deliveries" value={counts.deliveries} />
      </dl>
      <p>
        <span>
          Expected balance <b>{whole(counts.expected)}</b>, actual <b>{whole(counts.actual)}</b>
        </span>
        <span class={difference === 0 ? 'sum good' : 'sum bad'}>
          {difference === 0
            ? '✓ the sums agree'
            : `✕ ${whole(Math.abs(difference))} ${difference > 0 ? 'too much' : 'missing'}`}
        </span>
      </p>
    </section>
  )
}

function isWell({ lost, duplicated }: LedgerCounts): boolean {
  return lost === 0 && duplicated === 0
}

function Entry(props: { readonly name: string; readonly value: number; readonly tone?: Tone }) {
  const { name, value, tone = 'plain' } = props
  return (
    <div class={tone} data-count={name.toLowerCase().replaceAll(' ', '-')}>
      <dt>{name}</dt>
      <dd>
        {tone === 'bad' && <span aria-hidden="true">✕ </span>}
        {whole(value)}
      </dd>
    </div>
  )
}
