import { useSignal } from '@preact/signals'
import { waiting } from '../../../../src/simulator/scenarios/guide.ts'
import { whole } from '../../ui/number.ts'
import { Slider } from '../../ui/toggle.tsx'
import { figures, measuredOn } from '../figures.ts'
import { waitCode } from '../listings/decisions.ts'
import { Scene } from '../scene.tsx'
import { Prose } from './text.tsx'

const daySeconds = 86_400

/** Orders of magnitude to divide; whose they are does not matter for the sum. */
const sizes = [
  { what: 'A web shop: 100,000 orders a day, five events each', perDay: 5e5 },
  { what: 'A bank: 100 million bookings a day', perDay: 1e8 },
  { what: 'A billion a day', perDay: 1e9 },
  { what: 'A trillion a day', perDay: 1e12 },
] as const

export function Scale() {
  const exponent = useSignal(8)
  const peak = useSignal(3)
  const figure = useSignal(figures[0]!.id)
  const perDay = Math.round(10 ** exponent.value)
  const average = perDay / daySeconds
  const atPeak = average * peak.value
  const chosen = figures.find(one => one.id === figure.value)!
  const machines = Math.max(1, Math.ceil(atPeak / (chosen.perSecond * 0.5)))
  return (
    <>
      <Prose>
        <p>
          Large numbers a day are smaller numbers a second than they sound. Divide by 86,400, then
          ask about the busiest hour, not the average one.
        </p>
      </Prose>
      <section class="table-scroll" aria-label="A day's messages, a second">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">A day</th>
              <th scope="col" class="num">
                A second
              </th>
            </tr>
          </thead>
          <tbody>
            {sizes.map(({ what, perDay: count }) => (
              <tr key={what}>
                <th scope="row">{what}</th>
                <td class="num">{rounded(count / daySeconds)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <Prose>
        <p>
          LinkedIn, Netflix and Uber write in their engineering blogs about volumes of the lower
          rows of such a table, carried by large clusters. What they say changes from year to year,
          and we have not measured it, so there is no figure of theirs here: look theirs up, put it
          into the slider below, and see what it means a second. A trillion a day is work for many
          machines; the web shop’s six a second is a laptop’s idle moment. Most of us are far closer
          to the shop.
        </p>
        <h2>Your numbers</h2>
      </Prose>
      <div class="calculator">
        <div class="stack">
          <Slider
            label="Messages a day"
            min={3}
            max={13}
            step={0.1}
            value={exponent.value}
            text={rounded(perDay)}
            onInput={value => {
              exponent.value = value
            }}
          />
          <Slider
            label="The busiest hour, times the average"
            min={1}
            max={20}
            value={peak.value}
            text={`${peak.value}×`}
            onInput={value => {
              peak.value = value
            }}
          />
          <label class="field">
            <span class="label">Measured as</span>
            <select
              class="input"
              value={figure.value}
              onChange={event => {
                figure.value = event.currentTarget.value
              }}
            >
              {figures.map(one => (
                <option key={one.id} value={one.id}>
                  {one.title}
                </option>
              ))}
            </select>
          </label>
          <small>
            {rounded(chosen.perSecond)} a second: <code>npm run bench -- {chosen.question}</code>,
            case “{chosen.case}”, {measuredOn}; {chosen.note}.
          </small>
        </div>
        <dl>
          <div>
            <dt>On average</dt>
            <dd>{rounded(average)} a second</dd>
          </div>
          <div>
            <dt>At the peak</dt>
            <dd>{rounded(atPeak)} a second</dd>
          </div>
          <div>
            <dt>Machines like the measured one, each half loaded</dt>
            <dd data-machines>{whole(machines)}</dd>
          </div>
          <div>
            <dt>Partitions for consumers that each handle 1,000 a second</dt>
            <dd>{whole(Math.max(1, Math.ceil(atPeak / 1000)))}</dd>
          </div>
          <div>
            <dt>Disk for a week at 1 KB a message</dt>
            <dd>{bytes(perDay * 7 * 1024)}</dd>
          </div>
        </dl>
      </div>
      <Prose>
        <p>
          {machines === 1 ? (
            <strong>One machine carries this. Spillway is made for exactly that.</strong>
          ) : (
            <strong>
              More than one machine: this is a case for a cluster. Spillway is one process by
              design; the same client API speaks to RabbitMQ, Kafka, SQS and Redis, and the code
              stays.
            </strong>
          )}
        </p>
        <h2>What grows is the wait, not the rate</h2>
        <p>
          Little’s law: what is in the system is the rate times the time it stays. At 1,000 a second
          and a backlog of 60,000, a new message waits a minute, however fast the broker is. So
          watch the <em>age of the oldest</em> message, not the throughput. Below: spike, and see
          how long the last order of it waits with one worker, and with four.
        </p>
      </Prose>
      <Scene scenario={waiting} code={waitCode} actions={['send', 'spike', 'heal']} isMain />
    </>
  )
}

function rounded(value: number): string {
  if (value >= 1e12) return `${(value / 1e12).toPrecision(3)} trillion`
  if (value >= 1e9) return `${(value / 1e9).toPrecision(3)} billion`
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)} million`
  if (value >= 100) return whole(Math.round(value))
  return value.toPrecision(2)
}

function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB', 'EB']
  const power = Math.min(units.length - 1, Math.floor(Math.log(value) / Math.log(1024)))
  return `${(value / 1024 ** power).toPrecision(3)} ${units[power]}`
}
