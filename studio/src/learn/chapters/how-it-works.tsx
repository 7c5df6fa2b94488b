import { beTheConsumer, howItWorks } from '../../../../src/simulator/scenarios/guide.ts'
import { rabbitConsumerCode } from '../listings/rabbitmq.ts'
import { Scene } from '../scene.tsx'
import { Prose, Try } from './text.tsx'

export function HowItWorks() {
  return (
    <>
      <Prose>
        <p>
          Take the consumer’s chair. You are handed one order at a time, and the broker waits for
          your word. Until you say <em>ack</em>, the order is still the broker’s.
        </p>
      </Prose>
      <Try title="Be the consumer">
        <ol>
          <li>
            Press Play. When an order comes, press <kbd>a</kbd> (ack). It is gone for good.
          </li>
          <li>
            Press <kbd>n</kbd> (nack) for the next one. It comes straight back, as attempt 2.
          </li>
          <li>
            <strong>Do nothing.</strong> Watch the lease run down. The broker cannot tell “slow”
            from “dead”, so it has to assume the worse.
          </li>
          <li>
            Press <kbd>c</kbd> (crash) with an order in your hands. Then reject one, and look at the
            dead letters.
          </li>
        </ol>
      </Try>
      <Scene scenario={beTheConsumer} actions={['send', 'redrive']} isMain />
      <Prose>
        <h2>Acknowledge on success</h2>
        <p>
          A delivery is a loan. <strong>Ack</strong> ends it: done, forget it. <strong>Nack</strong>{' '}
          gives it back: somebody else, or I again, later. <strong>Reject</strong> says that no
          attempt will ever succeed. And silence is an answer, too: when the connection breaks or
          the lease ends, the message is ready again.
        </p>
        <p>
          From this follows the most important sentence of the whole guide:{' '}
          <strong>a message can come more than once, and your code must bear it.</strong>
        </p>
        <h2>Prefetch is backpressure</h2>
        <p>
          Prefetch is how many unacknowledged messages a consumer may hold. With 1, it gets the next
          one when it has finished. With 20, the next ones are already there, which saves waiting
          for the network; but what it holds, nobody else can take. In the scene below, start with
          four consumers and a spike. Then set the prefetch to 20, spike again, and see who is idle.
        </p>
      </Prose>
      <Scene
        scenario={howItWorks}
        code={rabbitConsumerCode}
        actions={['spike', 'crash', 'power', 'heal']}
      />
      <Prose>
        <h2>Durability</h2>
        <p>
          “Sent” means little; “confirmed” is the word that counts. A confirm from this broker means
          that the message is on the disk, synced: cut the power and see. Some brokers confirm when
          it is in memory, and are faster for it; you may choose that here as well (
          <code>--durability</code>), but it should be a choice.
        </p>
      </Prose>
    </>
  )
}
