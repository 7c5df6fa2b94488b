/**
 * `spillway plan FILE --url URL`: what a backend does natively, emulates, or cannot do, for the
 * contracts that a module exports. With `--fail-on`, a build stops where the code would.
 */

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { AnyContract, PlanRow } from '../client/client.ts'
import { withBus } from './bus.ts'
import { exitCodes, usageFailure } from './failure.ts'
import type { Command } from './main.ts'
import { table } from './output.ts'

export const planContracts: Command = async ({ settings, words, output }) => {
  const [path, rest] = words
  if (path === undefined || rest !== undefined) {
    throw usageFailure('plan needs one module that exports contracts, such as ./contracts.js.')
  }
  const contracts = await contractsOf(path)
  const rows = await withBus(settings.url, {}, bus => bus.plan(...contracts))
  const used = settings.all ? rows : rows.filter(row => row.used || row.how === 'ignored')
  if (settings.json) for (const row of used) output.json(row)
  else for (const line of table(columns, used)) output.data(line)
  return fails(used, settings.failOn) ? exitCodes.unsupported : exitCodes.ok
}

const columns = [
  { title: 'CONTRACT', cell: ({ contract }: PlanRow) => contract },
  { title: 'FEATURE', cell: ({ feature }: PlanRow) => feature },
  { title: 'HOW', cell: ({ how }: PlanRow) => how },
  {
    title: 'WHY',
    cell: ({ why, instead }: PlanRow) => (instead === '' ? why : `${why} Instead: ${instead}`),
  },
]

function fails(rows: readonly PlanRow[], failOn: string | undefined): boolean {
  const used = rows.filter(row => row.used)
  if (used.some(({ how }) => how === 'impossible')) return true
  return failOn === 'emulated' && used.some(({ how }) => how === 'emulated')
}

/** What a module exports that is a contract. Throws a usage failure when there is none. */
export async function contractsOf(path: string): Promise<AnyContract[]> {
  let exported: { readonly [name: string]: unknown }
  try {
    exported = await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    throw usageFailure(`${path} cannot be imported: ${(error as Error).message}`)
  }
  const contracts = Object.values(exported).filter(isContract)
  if (contracts.length === 0) throw usageFailure(`${path} exports no contract.`)
  return contracts
}

function isContract(value: unknown): value is AnyContract {
  if (typeof value !== 'object' || value === null || !('name' in value)) return false
  return 'kind' in value && ['queue', 'topic', 'rpc'].includes(String(value.kind))
}
