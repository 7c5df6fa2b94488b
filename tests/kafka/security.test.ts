/** Who comes in, and what he may do then: SASL, SCRAM credentials, ACLs. */

import { deepEqual, equal, rejects } from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Kafka, logLevel, type SASLOptions } from 'kafkajs'
import { decodeUtf8, encodeUtf8 } from '../../src/base/bytes.ts'
import { codes } from '../../src/wire/kafka/error-codes.ts'
import { ApiVersions, Metadata } from '../../src/wire/kafka/messages/cluster.ts'
import {
  AlterUserScramCredentials,
  CreateAcls,
  DeleteAcls,
  DescribeAcls,
  DescribeUserScramCredentials,
  SaslAuthenticate,
  SaslHandshake,
} from '../../src/wire/kafka/messages/security.ts'
import { type Mechanism, mechanisms, saltPassword } from '../../src/wire/kafka/scram.ts'
import { temporaryFolder } from '../harness/process.ts'
import { within } from '../harness/wait.ts'
import { type RunningKafka, startKafka } from './broker.ts'
import { RawClient } from './raw-client.ts'

const passwords = new Map([
  ['admin', 'a secret'],
  ['alice', 'alice’s secret'],
  ['bob', 'bob’s secret'],
])
const folder = temporaryFolder('kafka-security')
let running: RunningKafka

function clientOf(sasl: SASLOptions): Kafka {
  const retry = { retries: 0 }
  const brokers = [`127.0.0.1:${running.port}`]
  return new Kafka({ brokers, sasl, retry, logLevel: logLevel.NOTHING })
}

function plain(username: string): SASLOptions {
  return { mechanism: 'plain', username, password: passwords.get(username) ?? '' }
}

async function comesIn(sasl: SASLOptions): Promise<void> {
  const admin = clientOf(sasl).admin()
  await admin.connect()
  await admin.listTopics()
  await admin.disconnect()
}

async function loggedIn(user: string): Promise<RawClient> {
  const raw = await RawClient.connect(running.port)
  await raw.ask(SaslHandshake, 1, { mechanism: 'PLAIN' })
  const authBytes = encodeUtf8(`\0${user}\0${passwords.get(user)}`)
  equal((await raw.ask(SaslAuthenticate, 1, { authBytes })).errorCode, 0)
  return raw
}

async function setScram(user: string, mechanism: Mechanism, password: string): Promise<number> {
  const raw = await loggedIn('admin')
  const given = { salt: encodeUtf8('some salt'), iterations: 4096 }
  const saltedPassword = saltPassword(mechanism, password, given)
  const { number } = mechanisms[mechanism]
  const upsertions = [{ name: user, mechanism: number, ...given, saltedPassword }]
  const { results } = await raw.ask(AlterUserScramCredentials, 0, { upsertions, deletions: [] })
  raw.end()
  return results[0]!.errorCode
}

const everything = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}

describe('logging in', () => {
  before(async () => {
    const authenticate = (user: string, password: string) => passwords.get(user) === password
    running = await startKafka(folder, { authenticate })
  })
  after(() => running.stop())

  test('with PLAIN, and not with a wrong password', async () => {
    await comesIn(plain('alice'))
    const wrong = { mechanism: 'plain', username: 'alice', password: 'guess' } as const
    await rejects(comesIn(wrong), /SASL PLAIN authentication failed/)
  })

  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    const name = mechanism === 'SCRAM-SHA-256' ? 'scram-sha-256' : 'scram-sha-512'
    test(`with ${mechanism}, and not with a wrong password, nor as somebody else`, async () => {
      equal(await setScram('carol', mechanism, 'pass,=word'), 0)
      await comesIn({ mechanism: name, username: 'carol', password: 'pass,=word' })
      const failed = /SASL SCRAM SHA\d+ authentication failed/
      await rejects(comesIn({ mechanism: name, username: 'carol', password: 'guess' }), failed)
      await rejects(comesIn({ mechanism: name, username: 'dave', password: 'pass,=word' }), failed)
    })
  }

  test('credentials outlive a restart; they can be looked at, and taken away', async () => {
    equal(await setScram('eve', 'SCRAM-SHA-256', 'secret'), 0)
    await running.stop()
    const authenticate = (user: string, password: string) => passwords.get(user) === password
    running = await startKafka(folder, { authenticate })
    const sasl = { mechanism: 'scram-sha-256', username: 'eve', password: 'secret' } as const
    await comesIn(sasl)
    const raw = await loggedIn('admin')
    const users = [{ name: 'eve' }, { name: 'nobody' }]
    const described = await raw.ask(DescribeUserScramCredentials, 0, { users })
    deepEqual(
      described.results.map(({ errorCode, credentialInfos }) => [errorCode, credentialInfos]),
      [
        [0, [{ mechanism: 1, iterations: 4096 }]],
        [codes.RESOURCE_NOT_FOUND, []],
      ],
    )
    const deletions = [{ name: 'eve', mechanism: 1 }]
    const gone = await raw.ask(AlterUserScramCredentials, 0, { deletions, upsertions: [] })
    equal(gone.results[0]!.errorCode, 0)
    const again = await raw.ask(AlterUserScramCredentials, 0, { deletions, upsertions: [] })
    equal(again.results[0]!.errorCode, codes.RESOURCE_NOT_FOUND)
    await rejects(comesIn(sasl), /authentication failed/)
    raw.end()
  })

  test('too few iterations are no credential', async () => {
    const raw = await loggedIn('admin')
    const weak = { salt: encodeUtf8('s'), iterations: 100, saltedPassword: new Uint8Array(32) }
    const upsertions = [{ name: 'weak', mechanism: 1, ...weak }]
    const { results } = await raw.ask(AlterUserScramCredentials, 0, { upsertions, deletions: [] })
    equal(results[0]!.errorCode, codes.UNACCEPTABLE_CREDENTIAL)
    raw.end()
  })

  test('the steps may come without headers, as they did before Kafka 1.0', async () => {
    const raw = await RawClient.connect(running.port)
    await raw.ask(SaslHandshake, 0, { mechanism: 'PLAIN' })
    const step = encodeUtf8('\0bob\0bob’s secret')
    raw.write(Uint8Array.of(0, 0, 0, step.length, ...step))
    equal((await raw.frame()).length, 0)
    equal((await raw.ask(Metadata, 1, { topics: [] })).brokers.length, 1)
    raw.end()
  })

  test('without a login there is nothing but the versions; a refused one is told, and cut off', async () => {
    const stranger = await RawClient.connect(running.port)
    equal((await stranger.ask(ApiVersions, 0, {})).errorCode, 0)
    stranger.tell(Metadata, 1, { topics: [] })
    await within('the end of a stranger', stranger.closed)

    const wrong = await RawClient.connect(running.port)
    await wrong.ask(SaslHandshake, 1, { mechanism: 'PLAIN' })
    const authBytes = encodeUtf8('\0bob\0guess')
    const answer = await wrong.ask(SaslAuthenticate, 1, { authBytes })
    equal(answer.errorCode, codes.SASL_AUTHENTICATION_FAILED)
    await within('the end of who guessed', wrong.closed)

    const other = await RawClient.connect(running.port)
    const { errorCode, mechanisms: served } = await other.ask(SaslHandshake, 1, {
      mechanism: 'GSSAPI',
    })
    equal(errorCode, codes.UNSUPPORTED_SASL_MECHANISM)
    deepEqual(served, ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])
    await within('the end of who has another mechanism', other.closed)
  })

  test('a challenge is not the same twice', async () => {
    await setScram('carol', 'SCRAM-SHA-256', 'x')
    const nonces = new Set<string>()
    for (let run = 0; run < 3; run++) {
      const raw = await RawClient.connect(running.port)
      await raw.ask(SaslHandshake, 1, { mechanism: 'SCRAM-SHA-256' })
      const authBytes = encodeUtf8('n,,n=carol,r=mine')
      nonces.add(decodeUtf8((await raw.ask(SaslAuthenticate, 1, { authBytes })).authBytes))
      raw.end()
    }
    equal(nonces.size, 3)
  })

  test('rules deny and allow; what none is about is allowed', async () => {
    const admin = await loggedIn('admin')
    const rule = {
      resourceType: 2,
      resourceName: 'guarded-',
      resourcePatternType: 4,
      principal: 'User:alice',
      host: '*',
      operation: 4,
      permissionType: 3,
    }
    const denied = { ...rule, resourceName: 'guarded-2', resourcePatternType: 3, permissionType: 2 }
    const { results } = await admin.ask(CreateAcls, 3, { creations: [rule, denied] })
    deepEqual(
      results.map(({ errorCode }) => errorCode),
      [0, 0],
    )
    const send = async (user: string, topic: string) => {
      const producer = clientOf(plain(user)).producer()
      await producer.connect()
      await producer
        .send({ topic, messages: [{ value: 'x' }] })
        .finally(() => producer.disconnect())
    }
    const refused = /Not authorized to access topics/
    await send('alice', 'guarded-1')
    await rejects(send('alice', 'guarded-2'), refused)
    await rejects(send('bob', 'guarded-1'), refused)
    await send('bob', 'open')

    // Metadata of all topics leaves out what one may not see.
    const bob = await loggedIn('bob')
    const all = await bob.ask(Metadata, 5, { topics: null })
    deepEqual(
      all.topics.map(({ name }) => name),
      ['open'],
    )
    bob.end()

    const found = await admin.ask(DescribeAcls, 3, everything)
    deepEqual(
      found.resources.map(({ resourceName, patternType, acls }) => [
        resourceName,
        patternType,
        acls.length,
      ]),
      [
        ['guarded-', 4, 1],
        ['guarded-2', 3, 1],
      ],
    )
    const matching = { ...everything, resourceNameFilter: 'guarded-2', patternTypeFilter: 2 }
    equal((await admin.ask(DescribeAcls, 3, matching)).resources.length, 2)
    const gone = await admin.ask(DeleteAcls, 3, { filters: [everything] })
    equal(gone.filterResults[0]!.matchingAcls.length, 2)
    await send('bob', 'guarded-2')
    admin.end()
  })

  test('who may not change the cluster cannot make rules', async () => {
    const admin = await loggedIn('admin')
    const rule = {
      resourceType: 4,
      resourceName: 'kafka-cluster',
      resourcePatternType: 3,
      principal: 'User:admin',
      host: '*',
      operation: 2,
      permissionType: 3,
    }
    const bad = { ...rule, principal: 'admin' }
    const made = await admin.ask(CreateAcls, 3, { creations: [rule, bad] })
    deepEqual(
      made.results.map(({ errorCode }) => errorCode),
      [0, codes.INVALID_REQUEST],
    )
    const bob = await loggedIn('bob')
    const { results } = await bob.ask(CreateAcls, 3, {
      creations: [{ ...rule, principal: 'User:bob' }],
    })
    equal(results[0]!.errorCode, codes.CLUSTER_AUTHORIZATION_FAILED)
    const looked = await bob.ask(DescribeAcls, 3, everything)
    equal(looked.errorCode, codes.CLUSTER_AUTHORIZATION_FAILED)
    await admin.ask(DeleteAcls, 3, { filters: [everything] })
    admin.end()
    bob.end()
  })
})
