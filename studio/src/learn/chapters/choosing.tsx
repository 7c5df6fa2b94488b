import { useSignal } from '@preact/signals'
import { backends, questions, rankBackends } from '../../../../src/simulator/choosing.ts'
import { whole } from '../../ui/number.ts'
import { Toggle } from '../../ui/toggle.tsx'
import { CodeView } from '../code-view.tsx'
import { figures, measuredOn } from '../figures.ts'
import { planCode } from '../listings/decisions.ts'
import { Prose } from './text.tsx'

export function Choosing() {
  const answers = useSignal<readonly string[]>([])
  const ranked = rankBackends(new Set(answers.value))
  return (
    <>
      <Prose>
        <p>
          There is no best queue. There is what <em>you</em> need: answer six questions, and the
          four change places. Each reason says why.
        </p>
        <h2>What do you need?</h2>
      </Prose>
      <fieldset class="knobs">
        <legend class="visually-hidden">Six questions</legend>
        {questions.map(question => (
          <Toggle
            key={question.id}
            checked={answers.value.includes(question.id)}
            onChange={on => {
              answers.value = on
                ? [...answers.value, question.id]
                : answers.value.filter(id => id !== question.id)
            }}
          >
            {question.text}
          </Toggle>
        ))}
      </fieldset>
      <ol class="rank" aria-live="polite">
        {ranked.map(({ name, score, reasons }) => (
          <li key={name}>
            <div>
              <h3>{name}</h3>
              {answers.value.length > 0 && (
                <>
                  <meter
                    min={0}
                    max={answers.value.length * 2}
                    value={score}
                    aria-label={`Points of ${name}`}
                  />
                  <small>
                    {score} of {answers.value.length * 2} points
                  </small>
                </>
              )}
            </div>
            <ul>
              {reasons.length === 0 && <li>{backends[name].bestFor}</li>}
              {reasons.map(({ text, sign }) => (
                <li key={text}>
                  {sign} {text}
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ol>
      <Prose>
        <h2>Ask the backend itself</h2>
        <p>
          What a backend does with <em>your</em> queue need not be read in a table: the client’s
          plan says it before the first message, feature by feature, with the cost of what it
          emulates.
        </p>
      </Prose>
      <CodeView code={planCode} />
      <Prose>
        <h2>Side by side</h2>
      </Prose>
      <section class="table-scroll" aria-label="Backends compared">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Backend</th>
              <th scope="col">Best for</th>
              <th scope="col">Order</th>
              <th scope="col">Replay</th>
              <th scope="col">Delay</th>
              <th scope="col">Guarantee by default</th>
              <th scope="col">To run it</th>
            </tr>
          </thead>
          <tbody>
            {Object.entries(backends).map(([name, facts]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{facts.bestFor}</td>
                <td>{facts.order}</td>
                <td>{facts.replay}</td>
                <td>{facts.delay}</td>
                <td>{facts.guarantee}</td>
                <td>{facts.operations}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <Prose>
        <p>These facts are from each product’s own documentation.</p>
        <h2>Measured, here</h2>
        <p>
          How fast each protocol is on this broker, and the real product beside it, in turn, in the
          same run of <code>npm run bench</code> ({measuredOn}). Ours, never an advertisement’s:
          “SQS” below is this broker speaking SQS.
        </p>
      </Prose>
      <section class="table-scroll" aria-label="Measured figures">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col" class="num">
                Spillway, a second
              </th>
              <th scope="col" class="num">
                The real one
              </th>
              <th scope="col">Question and conditions</th>
            </tr>
          </thead>
          <tbody>
            {figures.map(figure => (
              <tr key={figure.id}>
                <th scope="row">{figure.title}</th>
                <td class="num">{whole(figure.perSecond)}</td>
                <td class="num">
                  {figure.peer === undefined
                    ? 'none measured'
                    : `${whole(figure.peer.perSecond)} (${figure.peer.name})`}
                </td>
                <td>
                  <code>{figure.question}</code>; {figure.note}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <Prose>
        <p>
          And if you cannot decide: all four speak to the same broker here. Begin with the one whose
          client you like, and look at its queues in <a href="/operate">Operate</a>.
        </p>
      </Prose>
    </>
  )
}
