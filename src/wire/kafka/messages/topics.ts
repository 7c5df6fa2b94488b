/** Definitions: topics, their partitions, configurations. */

import { api } from '../message.ts'
import {
  array,
  bool,
  int8,
  int16,
  int32,
  nullable,
  optional,
  since,
  string,
  struct,
  tagged,
  until,
  uuid,
} from '../types.ts'

const message = optional(nullable(string))

export const CreateTopics = api(
  'CreateTopics',
  { key: 19, versions: [0, 7], flexibleFrom: 5 },
  {
    topics: array(
      struct({
        name: string,
        numPartitions: int32,
        replicationFactor: int16,
        assignments: array(struct({ partitionIndex: int32, brokerIds: array(int32) })),
        configs: array(struct({ name: string, value: nullable(string) })),
      }),
    ),
    timeoutMs: int32,
    validateOnly: since(1, bool),
  },
  {
    throttleTimeMs: since(2, int32),
    topics: array(
      struct({
        name: string,
        topicId: since(7, uuid),
        errorCode: int16,
        errorMessage: since(1, nullable(string)),
        topicConfigErrorCode: tagged(0, 5, int16),
        numPartitions: since(5, int32, -1),
        replicationFactor: since(5, int16, -1),
        configs: since(
          5,
          nullable(
            array(
              struct({
                name: string,
                value: nullable(string),
                readOnly: bool,
                configSource: optional(int8, -1),
                isSensitive: bool,
              }),
            ),
          ),
        ),
      }),
    ),
  },
)

export const DeleteTopics = api(
  'DeleteTopics',
  { key: 20, versions: [0, 6], flexibleFrom: 4 },
  {
    topics: since(6, array(struct({ name: optional(nullable(string)), topicId: uuid }))),
    topicNames: until(5, array(string)),
    timeoutMs: int32,
  },
  {
    throttleTimeMs: since(1, int32),
    responses: array(
      struct({
        name: nullable(string, { since: 6 }),
        topicId: since(6, uuid),
        errorCode: int16,
        errorMessage: since(5, nullable(string)),
      }),
    ),
  },
)

export const CreatePartitions = api(
  'CreatePartitions',
  { key: 37, versions: [0, 3], flexibleFrom: 2 },
  {
    topics: array(
      struct({
        name: string,
        count: int32,
        assignments: nullable(array(struct({ brokerIds: array(int32) }))),
      }),
    ),
    timeoutMs: int32,
    validateOnly: bool,
  },
  {
    throttleTimeMs: optional(int32),
    results: array(struct({ name: string, errorCode: int16, errorMessage: message })),
  },
)

export const DescribeConfigs = api(
  'DescribeConfigs',
  { key: 32, versions: [0, 4], flexibleFrom: 4 },
  {
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configurationKeys: nullable(array(string)),
      }),
    ),
    includeSynonyms: since(1, bool),
    includeDocumentation: since(3, bool),
  },
  {
    throttleTimeMs: optional(int32),
    results: array(
      struct({
        errorCode: int16,
        errorMessage: message,
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct({
            name: string,
            value: nullable(string),
            readOnly: bool,
            isDefault: until(0, bool),
            configSource: since(1, int8, -1),
            isSensitive: bool,
            synonyms: since(
              1,
              array(struct({ name: string, value: nullable(string), source: int8 })),
            ),
            configType: since(3, int8),
            documentation: since(3, nullable(string)),
          }),
        ),
      }),
    ),
  },
)

const altered = array(
  struct({ errorCode: int16, errorMessage: message, resourceType: int8, resourceName: string }),
)

export const AlterConfigs = api(
  'AlterConfigs',
  { key: 33, versions: [0, 2], flexibleFrom: 2 },
  {
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configs: array(struct({ name: string, value: nullable(string) })),
      }),
    ),
    validateOnly: bool,
  },
  { throttleTimeMs: optional(int32), responses: altered },
)

export const IncrementalAlterConfigs = api(
  'IncrementalAlterConfigs',
  { key: 44, versions: [0, 1], flexibleFrom: 1 },
  {
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configs: array(struct({ name: string, configOperation: int8, value: nullable(string) })),
      }),
    ),
    validateOnly: bool,
  },
  { throttleTimeMs: optional(int32), responses: altered },
)

export const ListConfigResources = api(
  'ListConfigResources',
  { key: 74, versions: [0, 1], flexibleFrom: 0 },
  { resourceTypes: since(1, array(int8)) },
  {
    throttleTimeMs: optional(int32),
    errorCode: int16,
    configResources: array(struct({ resourceName: string, resourceType: since(1, int8, 16) })),
  },
)

export const ElectLeaders = api(
  'ElectLeaders',
  { key: 43, versions: [0, 2], flexibleFrom: 2 },
  {
    electionType: since(1, int8),
    topicPartitions: nullable(array(struct({ topic: string, partitions: array(int32) }))),
    timeoutMs: int32,
  },
  {
    throttleTimeMs: optional(int32),
    errorCode: since(1, int16),
    replicaElectionResults: array(
      struct({
        topic: string,
        partitionResult: array(
          struct({ partitionId: int32, errorCode: int16, errorMessage: message }),
        ),
      }),
    ),
  },
)

export const AlterPartitionReassignments = api(
  'AlterPartitionReassignments',
  { key: 45, versions: [0, 1], flexibleFrom: 0 },
  {
    timeoutMs: int32,
    allowReplicationFactorChange: since(1, bool, true),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({ partitionIndex: int32, replicas: optional(nullable(array(int32))) }),
        ),
      }),
    ),
  },
  {
    throttleTimeMs: optional(int32),
    allowReplicationFactorChange: since(1, bool, true),
    errorCode: int16,
    errorMessage: message,
    responses: array(
      struct({
        name: string,
        partitions: array(
          struct({ partitionIndex: int32, errorCode: int16, errorMessage: message }),
        ),
      }),
    ),
  },
)

export const ListPartitionReassignments = api(
  'ListPartitionReassignments',
  { key: 46, versions: [0, 0], flexibleFrom: 0 },
  {
    timeoutMs: int32,
    topics: optional(nullable(array(struct({ name: string, partitionIndexes: array(int32) })))),
  },
  {
    throttleTimeMs: optional(int32),
    errorCode: int16,
    errorMessage: message,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            replicas: array(int32),
            addingReplicas: array(int32),
            removingReplicas: array(int32),
          }),
        ),
      }),
    ),
  },
)
