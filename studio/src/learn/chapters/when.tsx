import { askOrTell } from '../../../../src/simulator/scenarios/guide.ts'
import { askOrTellCode } from '../listings/decisions.ts'
import { Scene } from '../scene.tsx'
import { Prose, Try } from './text.tsx'

export function When() {
  return (
    <>
      <Prose>
        <p>
          A queue moves work in time. Where the work may be done <em>later</em>, that is a gift.
          Where it may not, it is a detour. Ask one question first:{' '}
          <strong>does whoever sends it need the result to go on?</strong>
        </p>
        <h2>Use one for</h2>
      </Prose>
      <div class="cards">
        {uses.map(([title, text]) => (
          <section key={title}>
            <h3>✓ {title}</h3>
            <p>{text}</p>
          </section>
        ))}
      </div>
      <Prose>
        <h2>And when to skip it</h2>
      </Prose>
      <div class="cards">
        {skips.map(([title, text]) => (
          <section key={title}>
            <h3>✕ {title}</h3>
            <p>{text}</p>
          </section>
        ))}
      </div>
      <Try title="See both with the same work">
        <ol>
          <li>
            Press Play, then drag <strong>The work takes</strong> to 3.5 s: whoever asks waits for
            it, and past 3 s gives up. If the answer is what the user came for, that is how it has
            to be: a plain request, with a time limit, that fails visibly.
          </li>
          <li>
            Switch on <strong>It may be done later</strong>. The shop goes on at once, and the work
            lies in the queue until it is done. Nobody waits; but nobody knows the outcome, either.
          </li>
        </ol>
      </Try>
      <Scene scenario={askOrTell} code={askOrTellCode} actions={['send', 'spike']} isMain />
    </>
  )
}

const uses = [
  [
    'Work that takes long',
    'Invoices, thumbnails, imports: answer at once, do it in the background, and again if it fails.',
  ],
  [
    'Several services, one event',
    'An order was placed, and five teams want to know. Publish it once; each has a queue of its own.',
  ],
  [
    'Spikes',
    'Tickets go on sale at ten. Take them all at the speed of a disk, and work at the speed of the database.',
  ],
  [
    'A partner who is sometimes down',
    'Keep it until they are back; try again with patience; put aside what never works.',
  ],
  ['Order within a key', 'All events of one account in sequence, thousands of accounts at once.'],
  [
    'History that is read again',
    'A new report needs last month’s events: a log keeps them, and reads from any moment.',
  ],
] as const

const skips = [
  [
    'The answer is needed now',
    'Is the card valid? What does it cost? A request with a time limit is simpler, and fails visibly.',
  ],
  [
    'One small program',
    'A function call is the best queue there is. A table and a timer are a good second.',
  ],
  [
    'Strict request and response',
    'Two queues and a correlation id make a slow, fragile imitation of HTTP.',
  ],
  [
    'Ten jobs a day',
    'A broker is one more thing to run, watch and secure. Low volume alone does not pay for it.',
  ],
] as const
