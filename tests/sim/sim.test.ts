import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Failure, type Mode, newTally, runSeed } from './modes.ts'

/** A fixed number of seeds, so that a run takes as long as the machine needs and says the same. */
function runSeeds(mode: Mode, seeds: number): void {
  const tally = newTally()
  for (let seed = 1; seed <= seeds; seed++) {
    const failure = runSeed(mode, seed, tally)
    assert.equal(failure, undefined, failure && sentence(failure))
  }
}

function sentence({ mode, seed, crashAtCall, message, trace }: Failure): string {
  const call = crashAtCall === undefined ? '' : ` --call ${crashAtCall}`
  return [
    ...trace.slice(-15),
    `npm run sim -- --mode ${mode} --seed ${seed}${call}  ${message}`,
  ].join('\n')
}

describe('the engine on a simulated machine', () => {
  it('does what the model does, through crashes, faults and full disks', () => {
    runSeeds('swarm', 15)
  })

  it('comes back whole wherever the power goes', () => {
    runSeeds('crash-every', 1)
  })

  it('does the same when it is given the same', () => {
    runSeeds('determinism', 5)
  })

  it('notices a bit that changed on the disk, and so does the doctor', () => {
    runSeeds('rot', 5)
  })

  it('finds the bugs that were planted', () => {
    runSeeds('canary', 1)
  })
})
