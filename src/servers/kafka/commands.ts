/**
 * The table of contents of Kafka's protocol as we serve it: key → handler → versions → note.
 * ApiVersions is answered from it, the dispatcher looks requests up here, and the compatibility
 * page is printed from it.
 */

import type { AnyApi } from '../../wire/kafka/apis.ts'
import type { Api } from '../../wire/kafka/message.ts'
import * as cluster from '../../wire/kafka/messages/cluster.ts'
import * as data from '../../wire/kafka/messages/data.ts'
import * as groups from '../../wire/kafka/messages/groups.ts'
import * as modern from '../../wire/kafka/messages/modern-groups.ts'
import * as security from '../../wire/kafka/messages/security.ts'
import * as share from '../../wire/kafka/messages/share-groups.ts'
import * as topics from '../../wire/kafka/messages/topics.ts'
import * as transactions from '../../wire/kafka/messages/transactions.ts'
import type { ApiVersion, Call } from './call.ts'
import * as aboutCluster from './handlers/cluster.ts'
import * as aboutConfigs from './handlers/configs.ts'
import { fetch } from './handlers/fetch.ts'
import * as aboutGroups from './handlers/groups.ts'
import * as modernGroups from './handlers/modern-groups.ts'
import * as aboutOffsets from './handlers/offsets.ts'
import * as places from './handlers/places.ts'
import { produce } from './handlers/produce.ts'
import * as sasl from './handlers/sasl.ts'
import * as aboutSecurity from './handlers/security.ts'
import { shareAcknowledge, shareFetch } from './handlers/share-fetch.ts'
import * as shareGroups from './handlers/share-groups.ts'
import * as stubs from './handlers/stubs.ts'
import * as aboutTopics from './handlers/topics.ts'
import * as aboutTransactions from './handlers/transactions.ts'
import { type ProfileName, profileRanges } from './profiles.ts'

export interface Command {
  readonly api: AnyApi
  readonly since: number
  readonly until: number
  readonly handler: (call: Call, request: unknown) => object | symbol
  /** Only for somebody who has logged in, where that is asked for. */
  readonly needsUser: boolean
  readonly note: string
}

function command<Req, Res>(
  api: Api<Req, Res>,
  versions: readonly [since: number, until: number],
  handler: (call: Call, request: Req) => Res | object | symbol,
  note = '',
): Command {
  const [since, until] = versions
  return { api, since, until, handler, needsUser: true, note } as unknown as Command
}

function open(given: Command): Command {
  return { ...given, needsUser: false }
}

const table: readonly Command[] = [
  command(
    data.Produce,
    [3, 13],
    produce,
    '0 to 2 are advertised, and served by older profiles only',
  ),
  command(data.Fetch, [4, 18], fetch, 'sessions, long polling, read_committed'),
  command(data.ListOffsets, [1, 11], places.listOffsets),
  command(cluster.Metadata, [0, 13], aboutCluster.metadata, 'new topics are ready at once'),
  command(groups.OffsetCommit, [2, 10], aboutOffsets.offsetCommit),
  command(groups.OffsetFetch, [1, 10], aboutOffsets.offsetFetch),
  command(groups.FindCoordinator, [0, 6], aboutCluster.findCoordinator),
  command(groups.JoinGroup, [0, 9], aboutGroups.joinGroup, 'static members, cooperative'),
  command(groups.Heartbeat, [0, 4], aboutGroups.heartbeat),
  command(groups.LeaveGroup, [0, 5], aboutGroups.leaveGroup),
  command(groups.SyncGroup, [0, 5], aboutGroups.syncGroup),
  command(groups.DescribeGroups, [0, 6], aboutGroups.describeGroups),
  command(groups.ListGroups, [0, 5], aboutGroups.listGroups),
  open(command(security.SaslHandshake, [0, 1], sasl.handshake, 'PLAIN, SCRAM-SHA-256 and -512')),
  open(command(cluster.ApiVersions, [0, 4], aboutCluster.apiVersions)),
  command(topics.CreateTopics, [2, 7], aboutTopics.createTopics),
  command(topics.DeleteTopics, [1, 6], aboutTopics.deleteTopics),
  command(data.DeleteRecords, [0, 2], places.deleteRecords),
  command(transactions.InitProducerId, [0, 5], aboutTransactions.initProducerId),
  command(data.OffsetForLeaderEpoch, [2, 4], places.offsetForLeaderEpoch, 'one epoch: 0'),
  command(transactions.AddPartitionsToTxn, [0, 5], aboutTransactions.addPartitionsToTxn),
  command(transactions.AddOffsetsToTxn, [0, 4], aboutTransactions.addOffsetsToTxn),
  command(transactions.EndTxn, [0, 5], aboutTransactions.endTxn, 'one effect on the disk'),
  command(transactions.TxnOffsetCommit, [0, 5], aboutOffsets.txnOffsetCommit),
  command(security.DescribeAcls, [1, 3], aboutSecurity.describeAcls),
  command(security.CreateAcls, [1, 3], aboutSecurity.createAcls),
  command(security.DeleteAcls, [1, 3], aboutSecurity.deleteAcls),
  command(topics.DescribeConfigs, [1, 4], aboutConfigs.describeConfigs),
  command(topics.AlterConfigs, [0, 2], aboutConfigs.alterConfigs, 'of topics'),
  command(cluster.DescribeLogDirs, [1, 4], aboutCluster.describeLogDirs),
  open(command(security.SaslAuthenticate, [0, 2], sasl.authenticate)),
  command(topics.CreatePartitions, [0, 3], aboutTopics.createPartitions),
  command(groups.DeleteGroups, [0, 2], aboutGroups.deleteGroups),
  command(topics.ElectLeaders, [0, 2], stubs.electLeaders, 'never needed'),
  command(topics.IncrementalAlterConfigs, [0, 1], aboutConfigs.incrementalAlterConfigs),
  command(topics.AlterPartitionReassignments, [0, 1], stubs.alterReassignments, 'one broker'),
  command(topics.ListPartitionReassignments, [0, 0], stubs.listReassignments, 'always empty'),
  command(groups.OffsetDelete, [0, 0], aboutOffsets.offsetDelete),
  command(security.DescribeClientQuotas, [0, 1], stubs.describeQuotas, 'there are none'),
  command(security.AlterClientQuotas, [0, 1], stubs.alterQuotas, 'refused: there are none'),
  command(security.DescribeUserScramCredentials, [0, 0], aboutSecurity.describeScram),
  command(security.AlterUserScramCredentials, [0, 0], aboutSecurity.alterScram),
  command(cluster.DescribeQuorum, [0, 2], stubs.describeQuorum, 'one voter: itself'),
  command(cluster.UpdateFeatures, [0, 2], stubs.updateFeatures, 'refused: there are none'),
  command(cluster.DescribeCluster, [0, 2], aboutCluster.describeCluster),
  command(transactions.DescribeProducers, [0, 0], aboutTransactions.describeProducers),
  command(transactions.DescribeTransactions, [0, 0], aboutTransactions.describeTransactions),
  command(transactions.ListTransactions, [0, 2], aboutTransactions.listTransactions),
  command(modern.ConsumerGroupHeartbeat, [0, 1], modernGroups.consumerGroupHeartbeat, 'KIP-848'),
  command(modern.ConsumerGroupDescribe, [0, 1], modernGroups.consumerGroupDescribe),
  command(topics.ListConfigResources, [0, 1], stubs.listConfigResources),
  command(cluster.DescribeTopicPartitions, [0, 0], aboutCluster.describeTopicPartitions),
  command(share.ShareGroupHeartbeat, [1, 1], shareGroups.shareGroupHeartbeat, 'KIP-932'),
  command(share.ShareGroupDescribe, [1, 1], shareGroups.shareGroupDescribe),
  command(share.ShareFetch, [1, 2], shareFetch, 'sessions, long polling, renewed locks'),
  command(share.ShareAcknowledge, [1, 2], shareAcknowledge, 'accept, release, reject, renew'),
  command(share.DescribeShareGroupOffsets, [0, 1], shareGroups.describeShareGroupOffsets),
  command(share.AlterShareGroupOffsets, [0, 0], shareGroups.alterShareGroupOffsets),
  command(share.DeleteShareGroupOffsets, [0, 0], shareGroups.deleteShareGroupOffsets),
]

/** What one profile serves. */
export interface Served {
  readonly commands: ReadonlyMap<number, Command>
  /**
   * What ApiVersions says. Produce is said to begin at 0: librdkafka takes a higher beginning for a
   * broker without compression and record headers (KAFKA-18659).
   */
  readonly advertised: readonly ApiVersion[]
}

export function servedBy(profile: ProfileName): Served {
  const ranges = profileRanges[profile]
  const bounded = table.flatMap(each => {
    if (ranges === undefined) return [each]
    const range = ranges[each.api.key]
    if (range === undefined) return []
    return [{ ...each, since: range[0], until: Math.min(range[1], each.until) }]
  })
  return {
    commands: new Map(bounded.map(each => [each.api.key, each])),
    advertised: bounded.map(({ api, since, until }) => ({
      apiKey: api.key,
      minVersion: api.key === data.Produce.key ? 0 : since,
      maxVersion: until,
    })),
  }
}
