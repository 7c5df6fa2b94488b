import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { openEngine } from '../../engine/engine.ts'
import { simulatedWorld } from '../../testing/testing.ts'
import { Acls, operations, patterns, permissions, type Rule, resources } from './acls.ts'
import { KafkaError } from './errors.ts'

const rule: Rule = {
  resourceType: resources.topic,
  resourceName: 'orders',
  patternType: patterns.literal,
  principal: 'User:alice',
  host: '*',
  operation: operations.read,
  permissionType: permissions.allow,
}
const alice = { user: 'alice', host: '10.0.0.1' }
const bob = { user: 'bob', host: '10.0.0.1' }

function withRules(...rules: readonly Rule[]): Acls {
  const acls = new Acls(openEngine(simulatedWorld(1)))
  for (const each of rules) acls.add(each)
  return acls
}

test('what no rule is about is allowed; what one is about, to whom it says', () => {
  const acls = withRules(rule)
  equal(acls.allows(bob, 'read', 'topic', 'other'), true)
  equal(acls.allows(bob, 'read', 'group', 'orders'), true)
  equal(acls.allows(bob, 'read', 'topic', 'orders'), false)
  equal(acls.allows(alice, 'read', 'topic', 'orders'), true)
  equal(acls.allows(alice, 'write', 'topic', 'orders'), false)
})

test('who may read may describe; whoever is denied something is not allowed it by another rule', () => {
  const acls = withRules(
    rule,
    { ...rule, operation: operations.all, principal: 'User:*' },
    { ...rule, operation: operations.write, permissionType: permissions.deny },
  )
  equal(acls.allows(alice, 'describe', 'topic', 'orders'), true)
  equal(acls.allows(alice, 'write', 'topic', 'orders'), false)
  equal(acls.allows(bob, 'write', 'topic', 'orders'), true)
})

test('prefixes, the name for all, and hosts', () => {
  const acls = withRules(
    { ...rule, resourceName: 'ord', patternType: patterns.prefixed },
    { ...rule, resourceName: '*', operation: operations.write, host: '10.0.0.2' },
  )
  equal(acls.allows(alice, 'read', 'topic', 'orders'), true)
  equal(acls.allows(alice, 'read', 'topic', 'invoices'), false)
  equal(acls.allows(alice, 'write', 'topic', 'invoices'), false)
  equal(acls.allows({ ...alice, host: '10.0.0.2' }, 'write', 'topic', 'invoices'), true)
})

test('rules are found by what they are about, taken away, and outlive the server', () => {
  const engine = openEngine(simulatedWorld(2))
  const prefixed = { ...rule, resourceName: 'ord', patternType: patterns.prefixed }
  const first = new Acls(engine)
  for (const each of [rule, prefixed, rule]) first.add(each)
  const second = new Acls(engine)
  const all = {
    resourceTypeFilter: resources.any,
    resourceNameFilter: null,
    patternTypeFilter: patterns.any,
    principalFilter: null,
    hostFilter: null,
    operation: operations.any,
    permissionType: permissions.any,
  }
  equal(second.find(all).length, 2)
  const byName = { ...all, resourceNameFilter: 'orders' }
  deepEqual(second.find(byName), [rule])
  equal(second.find({ ...byName, patternTypeFilter: patterns.match }).length, 2)
  second.remove([rule])
  deepEqual(new Acls(engine).find(all), [prefixed])
})

test('a rule names one thing of each kind', () => {
  const wrong: Partial<Rule>[] = [
    { resourceName: '' },
    { principal: 'alice' },
    { patternType: patterns.any },
    { permissionType: permissions.any },
    { operation: operations.any },
    { host: '' },
    { resourceType: resources.cluster },
  ]
  const acls = withRules()
  for (const each of wrong) throws(() => acls.add({ ...rule, ...each }), KafkaError)
})
