/**
 * DescribeAcls, CreateAcls, DeleteAcls; DescribeUserScramCredentials, AlterUserScramCredentials.
 * Engine: put.
 */

import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseOf } from '../../../wire/kafka/message.ts'
import type * as wire from '../../../wire/kafka/messages/security.ts'
import { type Mechanism, mechanisms } from '../../../wire/kafka/scram.ts'
import { patterns, type Rule } from '../acls.ts'
import { type Call, mayDo } from '../call.ts'
import { KafkaError } from '../errors.ts'

const refused = {
  errorCode: codes.CLUSTER_AUTHORIZATION_FAILED,
  errorMessage: 'Cluster authorization failed.',
}
const fine = { errorCode: 0, errorMessage: null }

/** What `act` refuses, as an answer says it. */
function answerOf(act: () => void): { errorCode: number; errorMessage: string | null } {
  try {
    act()
    return fine
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    return { errorCode: error.code, errorMessage: error.message || null }
  }
}

export function createAcls(
  call: Call,
  request: RequestOf<typeof wire.CreateAcls>,
): ResponseOf<typeof wire.CreateAcls> {
  if (!mayDo(call, 'alter', 'cluster')) return { results: request.creations.map(() => refused) }
  const { acls } = call.broker
  return {
    results: request.creations.map(({ resourcePatternType: patternType, ...rule }) =>
      answerOf(() => acls.add({ ...rule, patternType })),
    ),
  }
}

export function describeAcls(
  call: Call,
  filter: RequestOf<typeof wire.DescribeAcls>,
): ResponseOf<typeof wire.DescribeAcls> {
  if (!mayDo(call, 'describe', 'cluster')) return { ...refused, resources: [] }
  // Each resource is told once, with all rules about it.
  const groups = new Map<string, Rule[]>()
  for (const rule of call.broker.acls.find(filter)) {
    const key = `${rule.resourceType} ${rule.patternType} ${rule.resourceName}`
    groups.set(key, [...(groups.get(key) ?? []), rule])
  }
  return {
    errorCode: 0,
    resources: [...groups.values()].map(rules => {
      const { resourceType, resourceName, patternType } = rules[0]!
      return { resourceType, resourceName, patternType, acls: rules }
    }),
  }
}

export function deleteAcls(
  call: Call,
  request: RequestOf<typeof wire.DeleteAcls>,
): ResponseOf<typeof wire.DeleteAcls> {
  const { acls } = call.broker
  if (!mayDo(call, 'alter', 'cluster')) {
    return { filterResults: request.filters.map(() => ({ ...refused, matchingAcls: [] })) }
  }
  return {
    filterResults: request.filters.map(filter => {
      const rules = acls.find(filter)
      acls.remove(rules)
      return {
        ...fine,
        matchingAcls: rules.map(({ patternType = patterns.literal, ...rule }) => ({
          ...fine,
          ...rule,
          patternType,
        })),
      }
    }),
  }
}

function mechanismOf(number: number): Mechanism {
  const found = Object.entries(mechanisms).find(([, each]) => each.number === number)
  if (found !== undefined) return found[0] as Mechanism
  throw new KafkaError(codes.UNSUPPORTED_SASL_MECHANISM, 'Unknown SCRAM mechanism')
}

export function describeScram(
  call: Call,
  request: RequestOf<typeof wire.DescribeUserScramCredentials>,
): ResponseOf<typeof wire.DescribeUserScramCredentials> {
  if (!mayDo(call, 'describe', 'cluster')) return { ...refused, results: [] }
  const { credentials } = call.broker
  const known = credentials.users()
  const isAll = request.users === null || request.users.length === 0
  const names = isAll ? [...known.keys()] : request.users!.map(({ name }) => name)
  return {
    errorCode: 0,
    results: [...new Set(names)].map(user => {
      if (names.filter(each => each === user).length > 1) {
        const errorMessage = `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`
        const errorCode = codes.DUPLICATE_RESOURCE
        return { user, errorCode, errorMessage, credentialInfos: [] }
      }
      const found = known.get(user)
      if (found === undefined) {
        const errorMessage = `Attempt to describe a user credential that does not exist: ${user}`
        const errorCode = codes.RESOURCE_NOT_FOUND
        return { user, errorCode, errorMessage, credentialInfos: [] }
      }
      const credentialInfos = found.map(name => ({
        mechanism: mechanisms[name].number,
        iterations: credentials.find(user, name)!.iterations,
      }))
      return { user, ...fine, credentialInfos }
    }),
  }
}

export function alterScram(
  call: Call,
  request: RequestOf<typeof wire.AlterUserScramCredentials>,
): ResponseOf<typeof wire.AlterUserScramCredentials> {
  const { broker } = call
  const { deletions, upsertions } = request
  const users = [...new Set([...deletions, ...upsertions].map(({ name }) => name))]
  if (!mayDo(call, 'alter', 'cluster')) {
    return { results: users.map(user => ({ user, ...refused })) }
  }
  const apply = (user: string) => {
    for (const each of deletions) {
      if (each.name === user) broker.credentials.remove(user, mechanismOf(each.mechanism))
    }
    for (const each of upsertions) {
      if (each.name === user) broker.credentials.set(user, mechanismOf(each.mechanism), each)
    }
  }
  return { results: users.map(user => ({ user, ...answerOf(() => apply(user)) })) }
}
