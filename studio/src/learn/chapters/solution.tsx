import { solution } from '../../../../src/simulator/scenarios/guide.ts'
import { rabbitProducerCode } from '../listings/rabbitmq.ts'
import { Scene } from '../scene.tsx'
import { Prose, Try } from './text.tsx'

export function Solution() {
  return (
    <>
      <Prose>
        <p>
          The same five services, at the same speeds. The shop now writes down <em>one</em> fact,
          “order placed”, and is done. Each service has a queue of its own, and takes from it when
          it can.
        </p>
      </Prose>
      <Try title="Break it the same way">
        <ol>
          <li>
            Press Play, then drag <strong>E-mail takes</strong> to 3 s. Only one queue grows.
          </li>
          <li>
            Switch on <strong>Warehouse is down</strong> and wait half a minute. Nothing is lost:
            look at the ledger, and at the pool of the warehouse’s queue.
          </li>
          <li>Switch it off again, and watch the warehouse catch up.</li>
          <li>
            Press <strong>Spike ×100</strong>. The shop takes all hundred at once. Everybody else
            works on as before.
          </li>
        </ol>
      </Try>
      <Scene
        scenario={solution}
        code={rabbitProducerCode}
        actions={['send', 'spike', 'power']}
        isMain
      />
      <Prose>
        <h2>What a queue gives you</h2>
        <ul>
          <li>
            <strong>The producer moves on.</strong> It waits for one thing only: the broker’s word
            that the message is on the disk.
          </li>
          <li>
            <strong>Each consumer works at its own pace.</strong> A slow one is behind, and nobody
            else notices.
          </li>
          <li>
            <strong>Being down is being late.</strong> The messages stay until somebody acknowledges
            them.
          </li>
          <li>
            <strong>Neither knows the other.</strong> A sixth service is one more queue. The shop is
            not changed.
          </li>
        </ul>
        <h2>What it costs</h2>
        <p>
          The shop no longer knows, when it answers the user, whether the parcel was packed: it
          knows that it <em>will be</em>. And “will be” is a promise that somebody has to keep. The
          rest of this guide is about how that promise is kept, and about the twelve usual ways to
          break it.
        </p>
        <p>
          Cut the broker’s power, too. What was confirmed is still there: it had been on the disk
          before the shop was told so.
        </p>
      </Prose>
    </>
  )
}
