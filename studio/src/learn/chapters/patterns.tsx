import { useMemo } from 'preact/hooks'
import { patterns } from '../../../../src/simulator/scenarios/patterns.ts'
import { here, setQuery } from '../../router.ts'
import { patternCode } from '../listings/patterns.ts'
import { Scene } from '../scene.tsx'
import { Prose } from './text.tsx'

export function Patterns() {
  const wanted = here.value.query.get('p')
  const chosen =
    patterns.find(({ scenario }) => scenario.id === `pattern-${wanted}`) ?? patterns[0]!
  const { id } = chosen.scenario
  const code = useMemo(() => patternCode(id.replace('pattern-', '')), [id])
  return (
    <>
      <Prose>
        <p>
          Fourteen shapes that come back in every system. Each runs here; choose one, press Play,
          and do what its last sentence says.
        </p>
      </Prose>
      <ul class="picker" aria-label="Patterns">
        {patterns.map(({ scenario }, index) => (
          <li key={scenario.id}>
            <button
              type="button"
              aria-pressed={scenario === chosen.scenario}
              onClick={() => choose(scenario.id.replace('pattern-', ''))}
            >
              <span>{index + 1}</span>
              {scenario.title}
            </button>
          </li>
        ))}
      </ul>
      <Prose>
        <p>{chosen.use}</p>
        <p>
          <strong>{chosen.look}</strong>
        </p>
      </Prose>
      <Scene
        key={chosen.scenario.id}
        scenario={chosen.scenario}
        code={code}
        actions={
          chosen.scenario.id === 'pattern-outbox'
            ? ['send', 'spike', 'crash-producer']
            : ['send', 'spike', 'crash', 'heal']
        }
        isMain
      />
    </>
  )
}

function choose(id: string): void {
  setQuery({ p: id, k: undefined, i: undefined, t: undefined, seed: undefined })
}
