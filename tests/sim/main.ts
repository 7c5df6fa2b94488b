/**
 * The simulator on the command line.
 *
 *     npm run sim                                   swarm, for a minute
 *     npm run sim -- --runs 100000                  all night
 *     npm run sim -- --mode crash-every --seconds 60
 *     npm run sim -- --mode rot --keep-going         a changed bit must not go unnoticed
 *     npm run sim -- --mode swarm --seed 4711 --trace
 */

import { parseArgs } from 'node:util'
import { type Failure, type Mode, modes, newTally, runSeed, type Tally } from './modes.ts'

const { values } = parseArgs({
  options: {
    mode: { type: 'string', default: 'swarm' },
    seed: { type: 'string' },
    runs: { type: 'string' },
    seconds: { type: 'string' },
    call: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
  },
})

function main(): void {
  const mode = values.mode as Mode
  if (!modes.includes(mode)) {
    console.error(`there is no mode ${values.mode}; there are ${modes.join(', ')}`)
    process.exit(2)
  }
  const isSingle = values.seed !== undefined && values.runs === undefined
  const runs = isSingle ? 1 : Number(values.runs ?? Number.POSITIVE_INFINITY)
  const seconds = Number(values.seconds ?? (values.runs === undefined && !isSingle ? 60 : Infinity))
  const first = Number(values.seed ?? 1)
  const call = values.call === undefined ? undefined : Number(values.call)
  const tally = newTally()
  const startedAt = Date.now()
  let toldAt = startedAt
  let failures = 0
  for (let run = 0; run < runs && Date.now() - startedAt < seconds * 1000; run++) {
    const failure = runSeed(mode, first + run, tally, call)
    if (failure !== undefined) {
      failures++
      report(failure)
      if (!values['keep-going']) break
    }
    if (Date.now() - toldAt > 5000) {
      toldAt = Date.now()
      console.error(line(mode, tally, startedAt))
    }
  }
  console.log(line(mode, tally, startedAt))
  process.exit(failures === 0 ? 0 : 1)
}

function report({ mode, seed, crashAtCall, message, trace }: Failure): void {
  if (values.trace) for (const step of trace) console.log(step)
  const call = crashAtCall === undefined ? '' : ` --call ${crashAtCall}`
  console.log(`FAILED  npm run sim -- --mode ${mode} --seed ${seed}${call}  ${message}`)
}

function line(mode: Mode, tally: Tally, startedAt: number): string {
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
  const { seeds, operations, events, deliveries, crashes, reopened, faults } = tally
  return (
    `${mode}: ${seeds} seeds, ${operations} operations, ${events} events, ` +
    `${deliveries} deliveries, ${crashes} crashes, ${reopened} restarts, ` +
    `${faults} failures after faults, ${seconds} s`
  )
}

main()
