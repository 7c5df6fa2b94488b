import { solution } from '../../../../src/simulator/scenarios/guide.ts'
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
      <Try title="See both in one shop">
        <ol>
          <li>
            Slow e-mail down to 4 s. Nobody minds: it <em>may</em> be later. That is a job for a
            queue.
          </li>
          <li>
            Now imagine that <strong>Payment</strong> were that slow, and that the user wants to
            know whether the card was accepted. The queue hides the answer that the user is waiting
            for. That call should be a plain request.
          </li>
        </ol>
      </Try>
      <Scene scenario={solution} actions={['send', 'spike']} isMain />
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
