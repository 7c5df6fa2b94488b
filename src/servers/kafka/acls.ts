/**
 * Who may do what: rules as Kafka's authorizer knows them. What no rule is about, everybody may do
 * (Kafka: `allow.everyone.if.no.acl.found=true`); a rule that denies wins over all that allow.
 */

import type { EngineDoor } from '../../engine/engine.ts'
import { codes } from '../../wire/kafka/error-codes.ts'
import { KafkaError } from './errors.ts'
import { limits } from './limits.ts'
import { Memory } from './memory.ts'

/** Numbers of the protocol. */
export const resources = { any: 1, topic: 2, group: 3, cluster: 4, transaction: 5 } as const
export const patterns = { any: 1, match: 2, literal: 3, prefixed: 4 } as const
export const permissions = { any: 1, deny: 2, allow: 3 } as const
export const operations = {
  any: 1,
  all: 2,
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  describeConfigs: 10,
  alterConfigs: 11,
} as const

export type Resource = 'topic' | 'group' | 'cluster' | 'transaction'
export type Operation = Exclude<keyof typeof operations, 'any' | 'all'>

/** The one name that the cluster has as a resource. */
export const clusterName = 'kafka-cluster'

export interface Rule {
  readonly resourceType: number
  readonly resourceName: string
  readonly patternType: number
  readonly principal: string
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}

/** Null and “any” match everything. */
export interface RuleFilter {
  readonly resourceTypeFilter: number
  readonly resourceNameFilter: string | null
  readonly patternTypeFilter: number
  readonly principalFilter: string | null
  readonly hostFilter: string | null
  readonly operation: number
  readonly permissionType: number
}

/** Who may do one of these may also do the other. */
const implied: { readonly [operation: number]: readonly number[] } = {
  [operations.describe]: [operations.read, operations.write, operations.delete, operations.alter],
  [operations.describeConfigs]: [operations.alterConfigs],
}

export class Acls {
  readonly #memory: Memory<Rule>
  readonly #rules = new Map<string, Rule>()

  constructor(engine: EngineDoor) {
    this.#memory = new Memory(engine, 'acls')
    for (const [field, rule] of this.#memory.entries()) this.#rules.set(field, rule)
  }

  /** Throws what is wrong with a rule. Adding one twice is adding it once. */
  add(rule: Rule): void {
    checkRule(rule)
    const field = fieldOf(rule)
    if (this.#rules.has(field)) return
    if (this.#rules.size >= limits.aclsMax) {
      throw new KafkaError(codes.INVALID_REQUEST, `There are ${limits.aclsMax} rules already.`)
    }
    this.#rules.set(field, rule)
    this.#memory.put([field, rule])
  }

  find(filter: RuleFilter): Rule[] {
    return [...this.#rules.values()].filter(rule => matches(rule, filter))
  }

  remove(rules: readonly Rule[]): void {
    const fields = rules.map(fieldOf)
    for (const field of fields) this.#rules.delete(field)
    this.#memory.put(...fields.map(field => [field, undefined] as const))
  }

  /** True when somebody may do something with a resource. */
  allows(
    who: { readonly user: string; readonly host: string },
    operation: Operation,
    resource: Resource,
    name: string,
  ): boolean {
    if (this.#rules.size === 0) return true
    const wanted = operations[operation]
    let isAllowed: boolean | undefined
    for (const rule of this.#rules.values()) {
      if (!isAbout(rule, resources[resource], name)) continue
      isAllowed ??= false
      if (!isFor(rule, who)) continue
      const isExact = rule.operation === wanted || rule.operation === operations.all
      if (rule.permissionType === permissions.deny) {
        if (isExact) return false
      } else if (isExact || implied[wanted]?.includes(rule.operation) === true) isAllowed = true
    }
    return isAllowed ?? true
  }
}

function isAbout(rule: Rule, type: number, name: string): boolean {
  if (rule.resourceType !== type) return false
  if (rule.patternType === patterns.prefixed) return name.startsWith(rule.resourceName)
  return rule.resourceName === '*' || rule.resourceName === name
}

function isFor(rule: Rule, who: { readonly user: string; readonly host: string }): boolean {
  const isWho = rule.principal === 'User:*' || rule.principal === `User:${who.user}`
  return isWho && (rule.host === '*' || rule.host === who.host)
}

function matches(rule: Rule, filter: RuleFilter): boolean {
  const type = filter.resourceTypeFilter
  return (
    (type === resources.any || type === rule.resourceType) &&
    matchesName(rule, filter.patternTypeFilter, filter.resourceNameFilter) &&
    (filter.principalFilter ?? rule.principal) === rule.principal &&
    (filter.hostFilter ?? rule.host) === rule.host &&
    (filter.operation === operations.any || filter.operation === rule.operation) &&
    (filter.permissionType === permissions.any || filter.permissionType === rule.permissionType)
  )
}

/** “Match” asks for the rules that a resource of this name falls under. */
function matchesName(rule: Rule, pattern: number, name: string | null): boolean {
  if (pattern === patterns.match) return name === null || isAbout(rule, rule.resourceType, name)
  const isPattern = pattern === patterns.any || pattern === rule.patternType
  return isPattern && (name === null || name === rule.resourceName)
}

const userPattern = /^User:./

function checkRule(rule: Rule): void {
  const { resourceType, resourceName, patternType, principal, host, operation } = rule
  const isPattern = patternType === patterns.literal || patternType === patterns.prefixed
  const isPermission =
    rule.permissionType === permissions.deny || rule.permissionType === permissions.allow
  // A type is known from “topic” (2) to “user” (7), an operation from “all” (2) on.
  const isKnown = resourceType >= 2 && resourceType <= 7 && operation >= 2 && operation <= 14
  if (!isPattern || !isPermission || !isKnown || host === '') {
    throw new KafkaError(codes.INVALID_REQUEST, 'A rule must name one thing of each kind.')
  }
  if (resourceName === '') {
    throw new KafkaError(codes.INVALID_REQUEST, 'Resource name should not be empty')
  }
  if (resourceType === resources.cluster && resourceName !== clusterName) {
    const text = `The only valid name for the CLUSTER resource is ${clusterName}`
    throw new KafkaError(codes.INVALID_REQUEST, text)
  }
  if (!userPattern.test(principal)) {
    const text = `Could not parse principal from \`${principal}\``
    throw new KafkaError(codes.INVALID_REQUEST, text)
  }
}

function fieldOf(rule: Rule): string {
  const { resourceType, resourceName, patternType, principal, host, operation } = rule
  const parts = [resourceType, resourceName, patternType, principal, host, operation]
  return [...parts, rule.permissionType].join('\0')
}
