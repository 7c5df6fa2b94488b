/** What the chosen backend does with some contracts, before message one. */

import { type Duration, toMs } from './backoff.ts'
import type { AnyContract } from './contracts.ts'
import { endpointOf, featuresByKind, featuresOf } from './endpoints.ts'
import { emulated, type Feature, type PlanRow, type Support } from './features.ts'
import type { Guarantee } from './message.ts'
import type { Session } from './session.ts'

export interface PlanUse {
  /** As it will be consumed: some limits depend on it. */
  readonly concurrency?: number | undefined
  readonly timeout?: Duration | undefined
  readonly guarantee?: Guarantee | undefined
  /** With an inbox, which makes effectively-once on every backend. */
  readonly inbox?: boolean | undefined
}

const byInbox = emulated('one database transaction with a row in its inbox for each message')

export async function planRows(
  session: Session,
  contracts: readonly AnyContract[],
  use: PlanUse,
): Promise<PlanRow[]> {
  const rows: PlanRow[] = []
  for (const contract of contracts) {
    const endpoint = endpointOf(contract)
    const used = new Set<Feature>(featuresOf(contract))
    if (use.guarantee !== undefined) used.add(use.guarantee)
    if (use.inbox === true) used.add('effectively-once')
    for (const feature of featuresByKind[contract.kind]) {
      const isByInbox = use.inbox === true && feature === 'effectively-once'
      const support = isByInbox ? byInbox : session.driver.support(feature, endpoint)
      rows.push(supportRow(contract.name, feature, support, used.has(feature)))
    }
    const { concurrency = 1, timeout = '5m' } = use
    const facts = { concurrency, timeoutMs: toMs(timeout) }
    for (const { code, feature, why } of await session.driver.cautions(endpoint, facts)) {
      const { name } = contract
      rows.push({ contract: name, feature, how: 'caution', why, used: true, code, instead: '' })
    }
    rows.push(...ignoredRows(session.driver.backend, contract))
  }
  return rows
}

function supportRow(contract: string, feature: Feature, support: Support, used: boolean): PlanRow {
  const row = { contract, feature, how: support.how, used, code: '', instead: '' }
  switch (support.how) {
    case 'native':
      return { ...row, why: support.note ?? '' }
    case 'emulated':
      return { ...row, why: support.cost }
    case 'impossible': {
      const { why, code, alternatives } = support
      return { ...row, why, code, instead: alternatives.join(' → ') }
    }
  }
}

/** An option for another backend is no mistake, but nobody should think that it does something. */
function ignoredRows(backend: string, contract: AnyContract): PlanRow[] {
  return Object.entries(contract.options)
    .filter(([name, options]) => name !== backend && options !== undefined)
    .map(([name, options]) => ({
      contract: contract.name,
      feature: 'send' as const,
      how: 'ignored' as const,
      why: `options.${name} (${Object.keys(options as object).join(', ')}) means nothing here`,
      used: false,
      code: '',
      instead: '',
    }))
}
