/**
 * Which promise is at stake: what a reply must wait for, and which invariant a hand-over breaks.
 */

import { type Model, recordAt } from './model.ts'
import type { Expected } from './model-leasing.ts'
import type { Verb } from './operations.ts'
import type { Said } from './verbs.ts'
import type { Rule } from './violation.ts'

/** True when the verb changes what is durable, so that its reply must wait (I1). */
export function mustWait(model: Model, verb: Verb, said: Said): boolean {
  if (said.error !== undefined) return false
  const isDurable = (name: string) => model.logs.get(name)?.config.durable === true
  switch (verb.do) {
    case 'create-log':
    case 'create-route':
      return verb.config.durable !== false
    case 'append':
      return (
        isDurable(verb.log) &&
        said.text.includes('"duplicate":false') &&
        verb.records.every(draft => draft.transient !== true)
      )
    case 'settle':
      return (
        isDurable(verb.target.log) && verb.positions.length > 0 && verb.settlement.kind !== 'return'
      )
    case 'commit':
    case 'create-group':
    case 'drop-group':
      return isDurable(verb.log)
    case 'drop-log':
      return isDurable(verb.name)
    case 'trim':
      return isDurable(verb.log) && said.text !== '{"count":0}'
    case 'create-table':
      return verb.durable
    case 'put':
      return !verb.lazy && model.tables.get(verb.table)?.durable === true
    default:
      return false
  }
}

export function ruleOf(
  model: Model,
  queue: string,
  got: Expected,
  next: Expected | undefined,
): Rule {
  const log = model.logs.get(queue)
  const record = log === undefined ? undefined : recordAt(log, got.position)
  if (record === undefined) return 'I7'
  if (record.state === 'leased' && next?.position !== got.position) return 'I6'
  return 'I8'
}
