/** Groups of the classic protocol: join, sync, heartbeat, leave; and looking at them. */

import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseOf } from '../../../wire/kafka/message.ts'
import type * as wire from '../../../wire/kafka/messages/groups.ts'
import { type Call, later, mayDo } from '../call.ts'
import { type ClassicGroup, joinFailure, syncFailure } from '../classic-group.ts'
import { limits } from '../limits.ts'

export function joinGroup(call: Call, request: RequestOf<typeof wire.JoinGroup>): object | symbol {
  const { broker, session, version } = call
  const { groupId, memberId, sessionTimeoutMs } = request
  if (groupId === '') return joinFailure(codes.INVALID_GROUP_ID, memberId)
  if (!mayDo(call, 'read', 'group', groupId)) {
    return joinFailure(codes.GROUP_AUTHORIZATION_FAILED, memberId)
  }
  if (
    sessionTimeoutMs < limits.sessionTimeoutMsMin ||
    sessionTimeoutMs > limits.sessionTimeoutMsMax
  ) {
    return joinFailure(codes.INVALID_SESSION_TIMEOUT, memberId)
  }
  if (!broker.mayBeClassic(groupId)) {
    return joinFailure(codes.INCONSISTENT_GROUP_PROTOCOL, memberId)
  }
  const known = broker.groups.get(groupId)
  if (known === undefined && memberId !== '') {
    return joinFailure(codes.UNKNOWN_MEMBER_ID, memberId)
  }
  const { rebalanceTimeoutMs } = request
  broker.group(groupId).join(
    {
      memberId,
      instanceId: request.groupInstanceId,
      clientId: call.client,
      clientHost: session.peerHost,
      sessionMs: sessionTimeoutMs,
      rebalanceMs: rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs,
      protocolType: request.protocolType,
      // The bytes are borrowed, and the group keeps them.
      protocols: request.protocols.map(({ name, metadata }) => ({
        name,
        metadata: metadata.slice(),
      })),
      idRequired: version >= 4,
      maySkip: version >= 9,
    },
    answer =>
      call.reply(version < 7 ? { ...answer, protocolName: answer.protocolName ?? '' } : answer),
  )
  return later
}

export function syncGroup(call: Call, request: RequestOf<typeof wire.SyncGroup>): object | symbol {
  const { groupId, memberId, groupInstanceId, generationId, protocolName, protocolType } = request
  if (!mayDo(call, 'read', 'group', groupId)) {
    return syncFailure(codes.GROUP_AUTHORIZATION_FAILED)
  }
  const group = call.broker.groups.get(groupId)
  if (group === undefined) return syncFailure(codes.UNKNOWN_MEMBER_ID)
  const code = group.judge(memberId, groupInstanceId, generationId)
  if (code !== 0) return syncFailure(code)
  const agrees =
    (protocolName === null || protocolName === group.protocol) &&
    (protocolType === null || protocolType === group.protocolType)
  if (!agrees) return syncFailure(codes.INCONSISTENT_GROUP_PROTOCOL)
  const assignments = request.assignments.map(each => ({
    memberId: each.memberId,
    assignment: each.assignment.slice(),
  }))
  group.sync(memberId, assignments, answer => call.reply(answer))
  return later
}

export function heartbeat(
  call: Call,
  request: RequestOf<typeof wire.Heartbeat>,
): ResponseOf<typeof wire.Heartbeat> {
  const { groupId, memberId, groupInstanceId, generationId } = request
  if (!mayDo(call, 'read', 'group', groupId)) {
    return { errorCode: codes.GROUP_AUTHORIZATION_FAILED }
  }
  const group = call.broker.groups.get(groupId)
  if (group === undefined) return { errorCode: codes.UNKNOWN_MEMBER_ID }
  const code = group.judge(memberId, groupInstanceId, generationId)
  return { errorCode: code === 0 ? group.heartbeat(memberId) : code }
}

export function leaveGroup(
  call: Call,
  request: RequestOf<typeof wire.LeaveGroup>,
): ResponseOf<typeof wire.LeaveGroup> {
  if (!mayDo(call, 'read', 'group', request.groupId)) {
    return { errorCode: codes.GROUP_AUTHORIZATION_FAILED, members: [] }
  }
  const group = call.broker.groups.get(request.groupId)
  const leave = (memberId: string, instanceId: string | null) =>
    group?.leave(memberId, instanceId) ?? codes.UNKNOWN_MEMBER_ID
  if (call.version < 3) return { errorCode: leave(request.memberId, null) }
  const members = request.members.map(({ memberId, groupInstanceId }) => ({
    memberId,
    groupInstanceId,
    errorCode: leave(memberId, groupInstanceId),
  }))
  return { errorCode: 0, members }
}

type Described = ResponseOf<typeof wire.DescribeGroups>['groups'][number]

export function describeGroups(
  call: Call,
  request: RequestOf<typeof wire.DescribeGroups>,
): ResponseOf<typeof wire.DescribeGroups> {
  return { groups: request.groups.map(id => describe(call, id)) }
}

/** An unknown group was just dead, before DescribeGroups 6 (KIP-1043). */
function notFoundSince6({ version }: Call): number {
  return version >= 6 ? codes.GROUP_ID_NOT_FOUND : 0
}

function describe(call: Call, groupId: string): Described {
  const { broker } = call
  const group = broker.groups.get(groupId)
  const unknown = { errorCode: 0, groupId, protocolType: '', protocolData: '', members: [] }
  if (!mayDo(call, 'describe', 'group', groupId)) {
    return { ...unknown, errorCode: codes.GROUP_AUTHORIZATION_FAILED, groupState: '' }
  }
  if (broker.modernGroups.has(groupId) || broker.isShared(groupId)) {
    const errorMessage = `Group ${groupId} is not a classic group.`
    return { ...unknown, errorCode: notFoundSince6(call), errorMessage, groupState: 'Dead' }
  }
  if (group === undefined) {
    const isEmpty = broker.offsets.has(groupId)
    const errorCode = isEmpty ? 0 : notFoundSince6(call)
    return { ...unknown, errorCode, groupState: isEmpty ? 'Empty' : 'Dead' }
  }
  const isStable = group.state === 'Stable'
  return {
    errorCode: 0,
    groupId,
    groupState: group.state,
    protocolType: group.protocolType,
    protocolData: isStable ? group.protocol : '',
    members: [...group.members.values()].map(member => ({
      memberId: member.id,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable
        ? (member.protocols.find(({ name }) => name === group.protocol)?.metadata ?? nothing)
        : nothing,
      memberAssignment: isStable ? member.assignment : nothing,
    })),
  }
}

const nothing = new Uint8Array(0)

export function listGroups(
  call: Call,
  request: RequestOf<typeof wire.ListGroups>,
): ResponseOf<typeof wire.ListGroups> {
  const { broker } = call
  const states = request.statesFilter.map(each => each.toLowerCase())
  const types = request.typesFilter.map(each => each.toLowerCase())
  const { modernGroups, shareGroups, shares } = broker
  const kinds = [broker.groups, modernGroups, shareGroups].map(each => [...each.keys()])
  const ids = new Set([...kinds.flat(), ...broker.offsets.groups, ...shares.groups])
  const groups = [...ids].map(groupId => {
    if (broker.isShared(groupId)) {
      const groupState: string = shareGroups.get(groupId)?.state ?? 'Empty'
      return { groupId, protocolType: 'share', groupState, groupType: 'share' }
    }
    const modern = modernGroups.get(groupId)
    if (modern !== undefined) {
      const groupState: string = modern.state
      return { groupId, protocolType: 'consumer', groupState, groupType: 'consumer' }
    }
    const group = broker.groups.get(groupId)
    const groupState: string = group?.state ?? 'Empty'
    const protocolType = group?.protocolType ?? ''
    return { groupId, protocolType, groupState, groupType: 'classic' }
  })
  const isWanted = (group: (typeof groups)[number]) =>
    (states.length === 0 || states.includes(group.groupState.toLowerCase())) &&
    (types.length === 0 || types.includes(group.groupType)) &&
    mayDo(call, 'describe', 'group', group.groupId)
  return { errorCode: 0, groups: groups.filter(isWanted) }
}

export function deleteGroups(
  call: Call,
  request: RequestOf<typeof wire.DeleteGroups>,
): ResponseOf<typeof wire.DeleteGroups> {
  return {
    results: request.groupsNames.map(groupId => ({ groupId, errorCode: remove(call, groupId) })),
  }
}

function remove(call: Call, groupId: string): number {
  const { broker } = call
  if (!mayDo(call, 'delete', 'group', groupId)) return codes.GROUP_AUTHORIZATION_FAILED
  const group: ClassicGroup | undefined = broker.groups.get(groupId)
  const modern = broker.modernGroups.get(groupId)
  const isOfOffsets = group !== undefined || modern !== undefined || broker.offsets.has(groupId)
  if (!isOfOffsets && !broker.isShared(groupId)) return codes.GROUP_ID_NOT_FOUND
  const shared = broker.shareGroups.get(groupId)
  const members = [group, modern, shared].map(each => each?.members.size ?? 0)
  if (members.some(count => count > 0)) return codes.NON_EMPTY_GROUP
  group?.end()
  modern?.end()
  broker.groups.delete(groupId)
  broker.modernGroups.delete(groupId)
  broker.shareGroups.delete(groupId)
  broker.offsets.removeGroup(groupId)
  broker.shares.removeGroup(groupId)
  return 0
}
