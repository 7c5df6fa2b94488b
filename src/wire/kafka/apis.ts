/** All tables by key. */

import type { Api } from './message.ts'
import * as cluster from './messages/cluster.ts'
import * as data from './messages/data.ts'
import * as groups from './messages/groups.ts'
import * as modern from './messages/modern-groups.ts'
import * as security from './messages/security.ts'
import * as share from './messages/share-groups.ts'
import * as topics from './messages/topics.ts'
import * as transactions from './messages/transactions.ts'

export type AnyApi = Api<unknown, unknown>

const families: readonly object[] = [
  data,
  cluster,
  topics,
  groups,
  transactions,
  security,
  modern,
  share,
]

function isApi(value: unknown): value is AnyApi {
  return typeof value === 'object' && value !== null && 'requestType' in value
}

export const apis: ReadonlyMap<number, AnyApi> = new Map(
  families
    .flatMap(family => Object.values(family).filter(isApi))
    .sort((left, right) => left.key - right.key)
    .map(api => [api.key, api]),
)
