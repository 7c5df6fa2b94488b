import { CodeView } from '../code-view.tsx'
import { classicCode } from '../listings/classic.ts'
import { workerCode } from '../listings/worker.ts'
import { Prose } from './text.tsx'

export function Code() {
  return (
    <>
      <Prose>
        <p>
          The classic first programs, as each backend’s own introduction has them. They run{' '}
          <strong>unmodified</strong> against Spillway’s default ports, and every listing here is a
          file of the repository that the tests run.
        </p>
      </Prose>
      <CodeView code={classicCode} />
      <Prose>
        <h2>The same worker, for each of them</h2>
        <p>
          One job: take orders, as many at a time as asked for; acknowledge what succeeded; try
          again what failed; after some attempts, put it aside where a person will look. The words
          differ more than the ideas.
        </p>
      </Prose>
      <CodeView code={workerCode} />
      <Prose>
        <h2>Say it in four languages</h2>
      </Prose>
      <section class="table-scroll" aria-label="Words of each backend">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Idea</th>
              <th scope="col">RabbitMQ</th>
              <th scope="col">Kafka</th>
              <th scope="col">SQS</th>
              <th scope="col">Redis Streams</th>
            </tr>
          </thead>
          <tbody>
            {words.map(([idea, ...rest]) => (
              <tr key={idea}>
                <th scope="row">{idea}</th>
                {rest.map((word, index) => (
                  <td key={index}>
                    <code>{word}</code>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  )
}

const words = [
  ['send', 'basic.publish', 'Produce', 'SendMessage', 'XADD'],
  ['take', 'basic.consume', 'Fetch, in a group', 'ReceiveMessage', 'XREADGROUP >'],
  ['done', 'basic.ack', 'OffsetCommit', 'DeleteMessage', 'XACK'],
  [
    'give back',
    'basic.nack requeue',
    'seek back',
    'ChangeMessageVisibility 0',
    'XAUTOCLAIM, by another',
  ],
  ['how many at once', 'basic.qos', 'max.poll.records', 'MaxNumberOfMessages', 'COUNT'],
  ['lease', 'the connection’s life', 'session timeout', 'VisibilityTimeout', 'min-idle-time'],
  [
    'dead letters',
    'x-dead-letter-exchange',
    'a topic of yours',
    'RedrivePolicy',
    'a stream of yours',
  ],
  ['in order by key', 'a queue per key', 'the record’s key', 'MessageGroupId', 'a stream per key'],
] as const
