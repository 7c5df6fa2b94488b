import { useMemo } from 'preact/hooks'
import { type Pitfall, pitfalls } from '../../../../src/simulator/scenarios/pitfalls.ts'
import { here, setQuery } from '../../router.ts'
import { whole } from '../../ui/number.ts'
import { pitfallCode } from '../listings/pitfalls.ts'
import { useOutcomes } from '../outcome.ts'
import { Scene } from '../scene.tsx'
import { Prose, Try } from './text.tsx'

export function Pitfalls() {
  const wanted = here.value.query.get('p')
  const chosen =
    pitfalls.find(({ scenario }) => scenario.id === `pitfall-${wanted}`) ?? pitfalls[0]!
  const { scenario } = chosen
  const code = useMemo(() => pitfallCode(scenario.id.replace('pitfall-', '')), [scenario])
  return (
    <>
      <Prose>
        <p>
          Every one of these has cost somebody a night. Each begins broken: play it until the ledger
          shows the harm, say what is wrong, and only then switch on <strong>Fixed</strong> and play
          the same minute again.
        </p>
      </Prose>
      <ul class="picker" aria-label="Pitfalls">
        {pitfalls.map((one, index) => (
          <li key={one.scenario.id}>
            <button
              type="button"
              aria-pressed={one === chosen}
              onClick={() => choose(one.scenario.id.replace('pitfall-', ''))}
            >
              <span>{index + 1}</span>
              {one.scenario.title}
            </button>
          </li>
        ))}
      </ul>
      <Try title={scenario.title}>
        <p>{chosen.symptom}</p>
      </Try>
      <Scene
        key={scenario.id}
        scenario={scenario}
        code={code}
        actions={
          scenario.id === 'pitfall-dual-write'
            ? ['send', 'crash-producer']
            : ['send', 'crash', 'heal']
        }
        isMain
      />
      <Prose>
        <h2>Why</h2>
        <p>{chosen.cause}</p>
        <h2>The fix</h2>
        <p>{chosen.fix}</p>
      </Prose>
      <Verdict key={`verdict ${scenario.id}`} pitfall={chosen} />
    </>
  )
}

/** Both runs to their end, with the seed of the scene: the same figures as in the tests. */
function Verdict({ pitfall }: { readonly pitfall: Pitfall }) {
  const { scenario, lengthMs } = pitfall
  const outcomes = useOutcomes([0, 1].map(fixed => ({ scenario, knobs: { fixed }, lengthMs })))
  const [broken, fixed] = outcomes.value?.map(counts => whole(pitfall.harm(counts))) ?? ['…', '…']
  return (
    <section class="verdict" aria-label="Broken and fixed, compared">
      <div class="bad" data-verdict="broken">
        <b>{broken}</b>✕ {pitfall.figure}, broken
      </div>
      <div class="good" data-verdict="fixed">
        <b>{fixed}</b>✓ {pitfall.figure}, fixed
      </div>
    </section>
  )
}

function choose(id: string): void {
  setQuery({ p: id, k: undefined, i: undefined, t: undefined, seed: undefined })
}
