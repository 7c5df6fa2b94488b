/** Who is there and what it can do: ApiVersions, Metadata, DescribeCluster, and their kin. */

import { api } from '../message.ts'
import {
  array,
  between,
  bool,
  int8,
  int16,
  int32,
  int64,
  nullable,
  optional,
  since,
  string,
  struct,
  tagged,
  uint16,
  until,
  uuid,
} from '../types.ts'

const none: never[] = []
export const operationsNotAsked = -0x8000_0000

export const ApiVersions = api(
  'ApiVersions',
  { key: 18, versions: [0, 4], flexibleFrom: 3 },
  { clientSoftwareName: since(3, string), clientSoftwareVersion: since(3, string) },
  {
    errorCode: int16,
    apiKeys: array(struct({ apiKey: int16, minVersion: int16, maxVersion: int16 })),
    throttleTimeMs: since(1, int32),
    supportedFeatures: tagged(
      0,
      3,
      array(struct({ name: string, minVersion: int16, maxVersion: int16 })),
      none,
    ),
    finalizedFeaturesEpoch: tagged(1, 3, int64, -1),
    finalizedFeatures: tagged(
      2,
      3,
      array(struct({ name: string, maxVersionLevel: int16, minVersionLevel: int16 })),
      none,
    ),
    zkMigrationReady: tagged(3, 3, bool),
  },
)

const broker = { host: string, port: int32 }

export const Metadata = api(
  'Metadata',
  { key: 3, versions: [0, 13], flexibleFrom: 9 },
  {
    topics: nullable(
      array(struct({ topicId: since(10, uuid), name: nullable(string, { since: 10 }) })),
      { since: 1 },
    ),
    allowAutoTopicCreation: since(4, bool, true),
    includeClusterAuthorizedOperations: between(8, 10, bool),
    includeTopicAuthorizedOperations: since(8, bool),
  },
  {
    throttleTimeMs: since(3, int32),
    brokers: array(struct({ nodeId: int32, ...broker, rack: since(1, nullable(string)) })),
    clusterId: since(2, nullable(string)),
    controllerId: since(1, int32, -1),
    topics: array(
      struct({
        errorCode: int16,
        name: nullable(string, { since: 12 }),
        topicId: since(10, uuid),
        isInternal: since(1, bool),
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: since(7, int32, -1),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            offlineReplicas: since(5, array(int32)),
          }),
        ),
        topicAuthorizedOperations: since(8, int32, operationsNotAsked),
      }),
    ),
    clusterAuthorizedOperations: between(8, 10, int32, operationsNotAsked),
    errorCode: since(13, int16),
  },
)

export const DescribeCluster = api(
  'DescribeCluster',
  { key: 60, versions: [0, 2], flexibleFrom: 0 },
  {
    includeClusterAuthorizedOperations: bool,
    endpointType: since(1, int8, 1),
    includeFencedBrokers: since(2, bool),
  },
  {
    throttleTimeMs: optional(int32),
    errorCode: int16,
    errorMessage: optional(nullable(string)),
    endpointType: since(1, int8, 1),
    clusterId: string,
    controllerId: optional(int32, -1),
    brokers: array(
      struct({
        brokerId: int32,
        ...broker,
        rack: optional(nullable(string)),
        isFenced: since(2, bool),
      }),
    ),
    clusterAuthorizedOperations: optional(int32, operationsNotAsked),
  },
)

const replica = struct({
  replicaId: int32,
  replicaDirectoryId: since(2, uuid),
  logEndOffset: int64,
  lastFetchTimestamp: since(1, int64, -1),
  lastCaughtUpTimestamp: since(1, int64, -1),
})

export const DescribeQuorum = api(
  'DescribeQuorum',
  { key: 55, versions: [0, 2], flexibleFrom: 0 },
  {
    topics: array(
      struct({ topicName: string, partitions: array(struct({ partitionIndex: int32 })) }),
    ),
  },
  {
    errorCode: int16,
    errorMessage: since(2, nullable(string)),
    topics: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: since(2, nullable(string)),
            leaderId: int32,
            leaderEpoch: int32,
            highWatermark: int64,
            currentVoters: array(replica),
            observers: array(replica),
          }),
        ),
      }),
    ),
    nodes: since(
      2,
      array(
        struct({
          nodeId: int32,
          listeners: array(struct({ name: string, host: string, port: uint16 })),
        }),
      ),
    ),
  },
)

export const UpdateFeatures = api(
  'UpdateFeatures',
  { key: 57, versions: [0, 2], flexibleFrom: 0 },
  {
    timeoutMs: int32,
    featureUpdates: array(
      struct({
        feature: string,
        maxVersionLevel: int16,
        allowDowngrade: until(0, bool),
        upgradeType: since(1, int8, 1),
      }),
    ),
    validateOnly: since(1, bool),
  },
  {
    throttleTimeMs: optional(int32),
    errorCode: int16,
    errorMessage: optional(nullable(string)),
    results: until(
      1,
      array(
        struct({ feature: string, errorCode: int16, errorMessage: optional(nullable(string)) }),
      ),
    ),
  },
)

export const DescribeLogDirs = api(
  'DescribeLogDirs',
  { key: 35, versions: [0, 4], flexibleFrom: 2 },
  { topics: nullable(array(struct({ topic: string, partitions: array(int32) }))) },
  {
    throttleTimeMs: optional(int32),
    errorCode: since(3, int16),
    results: array(
      struct({
        errorCode: int16,
        logDir: string,
        topics: array(
          struct({
            name: string,
            partitions: array(
              struct({
                partitionIndex: int32,
                partitionSize: int64,
                offsetLag: int64,
                isFutureKey: bool,
              }),
            ),
          }),
        ),
        totalBytes: since(4, int64, -1),
        usableBytes: since(4, int64, -1),
      }),
    ),
  },
)

const cursor = struct({ topicName: string, partitionIndex: int32 })

export const DescribeTopicPartitions = api(
  'DescribeTopicPartitions',
  { key: 75, versions: [0, 0], flexibleFrom: 0 },
  {
    topics: array(struct({ name: string })),
    responsePartitionLimit: optional(int32, 2000),
    cursor: optional(nullable(cursor)),
  },
  {
    throttleTimeMs: optional(int32),
    topics: array(
      struct({
        errorCode: int16,
        name: nullable(string),
        topicId: uuid,
        isInternal: optional(bool),
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: optional(int32, -1),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            eligibleLeaderReplicas: optional(nullable(array(int32))),
            lastKnownElr: optional(nullable(array(int32))),
            offlineReplicas: array(int32),
          }),
        ),
        topicAuthorizedOperations: optional(int32, operationsNotAsked),
      }),
    ),
    nextCursor: optional(nullable(cursor)),
  },
)
