/** The classic protocol of groups, request by request: what no client library lets one see. */

import { deepEqual, equal } from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { encodeUtf8 } from '../../src/base/bytes.ts'
import { codes } from '../../src/wire/kafka/error-codes.ts'
import {
  Heartbeat,
  JoinGroup,
  LeaveGroup,
  SyncGroup,
} from '../../src/wire/kafka/messages/groups.ts'
import { temporaryFolder } from '../harness/process.ts'
import { type RunningKafka, startKafka } from './broker.ts'
import { RawClient } from './raw-client.ts'

const metadata = encodeUtf8('wants t')

function joining(groupId: string, memberId: string, groupInstanceId: string | null = null) {
  return {
    groupId,
    memberId,
    groupInstanceId,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata }],
  }
}

describe('groups of the classic protocol', () => {
  let running: RunningKafka
  const clients: RawClient[] = []
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(running.port)
    clients.push(client)
    return client
  }
  before(async () => {
    running = await startKafka(temporaryFolder('kafka-classic'))
  })
  after(async () => {
    for (const client of clients) client.end()
    await running.stop()
  })

  /** The leader of a group of one, which has assigned to itself. */
  async function alone(groupId: string, groupInstanceId: string | null = null) {
    const raw = await connect()
    const first = await raw.ask(JoinGroup, 7, joining(groupId, '', groupInstanceId))
    const joined =
      first.errorCode === codes.MEMBER_ID_REQUIRED
        ? await raw.ask(JoinGroup, 7, joining(groupId, first.memberId))
        : first
    const { memberId, generationId = -1 } = joined
    const assignments = [{ memberId, assignment: encodeUtf8('all') }]
    const synced = { groupId, memberId, generationId, groupInstanceId, assignments }
    equal((await raw.ask(SyncGroup, 3, synced)).errorCode, 0)
    return { raw, memberId, generationId }
  }

  test('a newcomer is told its id first, and comes again with it', async () => {
    const raw = await connect()
    const told = await raw.ask(JoinGroup, 5, joining('ids', ''))
    equal(told.errorCode, codes.MEMBER_ID_REQUIRED)
    const joined = await raw.ask(JoinGroup, 5, joining('ids', told.memberId))
    deepEqual([joined.errorCode, joined.generationId, joined.leader], [0, 1, told.memberId])
    const stranger = await raw.ask(JoinGroup, 5, joining('ids', 'somebody else'))
    equal(stranger.errorCode, codes.UNKNOWN_MEMBER_ID)
  })

  test('a static member that comes again finds its assignment, and nobody rebalances', async () => {
    const first = await alone('static', 'one')
    const again = await connect()
    const back = await again.ask(JoinGroup, 7, joining('static', '', 'one'))
    deepEqual([back.errorCode, back.generationId], [0, first.generationId])
    const { memberId, generationId } = back
    const synced = { groupId: 'static', memberId, generationId, groupInstanceId: 'one' }
    const { assignment } = await again.ask(SyncGroup, 3, { ...synced, assignments: [] })
    equal(Buffer.from(assignment).toString(), 'all')
    // Who it was before is not it any more.
    const beat = { groupId: 'static', groupInstanceId: 'one', generationId }
    const old = await first.raw.ask(Heartbeat, 3, { ...beat, memberId: first.memberId })
    equal(old.errorCode, codes.FENCED_INSTANCE_ID)
    equal((await again.ask(Heartbeat, 3, { ...beat, memberId })).errorCode, 0)
  })

  test('a member that has what it had joins again, and the others hear of it (cooperative)', async () => {
    const first = await alone('cooperative')
    const second = await connect()
    const told = await second.ask(JoinGroup, 5, joining('cooperative', ''))
    second.tell(JoinGroup, 5, joining('cooperative', told.memberId))
    const beat = {
      groupId: 'cooperative',
      memberId: first.memberId,
      generationId: first.generationId,
    }
    // Once the join has come, a heartbeat says so.
    let code = 0
    while (code === 0) code = (await first.raw.ask(Heartbeat, 3, beat)).errorCode
    equal(code, codes.REBALANCE_IN_PROGRESS)
    const rejoined = await first.raw.ask(JoinGroup, 7, joining('cooperative', first.memberId))
    const joined = await second.answer(JoinGroup, 5)
    deepEqual(
      [rejoined.generationId, joined.generationId, rejoined.members.length, joined.members.length],
      [2, 2, 2, 0],
    )
  })

  test('a heartbeat of another generation, and one after leaving', async () => {
    const { raw, memberId, generationId } = await alone('generations')
    const beat = { groupId: 'generations', memberId }
    const other = await raw.ask(Heartbeat, 3, { ...beat, generationId: generationId + 1 })
    equal(other.errorCode, codes.ILLEGAL_GENERATION)
    const members = [{ memberId, groupInstanceId: null }]
    const left = await raw.ask(LeaveGroup, 3, { groupId: 'generations', members })
    equal(left.members![0]!.errorCode, 0)
    const late = await raw.ask(Heartbeat, 3, { ...beat, generationId })
    equal(late.errorCode, codes.UNKNOWN_MEMBER_ID)
  })

  test('members that share no protocol do not come together', async () => {
    await alone('protocols')
    const raw = await connect()
    const request = joining('protocols', '')
    const other = { ...request, protocols: [{ name: 'sticky', metadata }] }
    const { errorCode } = await raw.ask(JoinGroup, 3, other)
    equal(errorCode, codes.INCONSISTENT_GROUP_PROTOCOL)
    const short = await raw.ask(JoinGroup, 3, { ...request, sessionTimeoutMs: 10 })
    equal(short.errorCode, codes.INVALID_SESSION_TIMEOUT)
  })
})
