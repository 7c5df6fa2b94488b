/** Who comes in, and what they may do: SASL, SCRAM credentials, ACLs, quotas. */

import { api } from '../message.ts'
import {
  array,
  bool,
  bytes,
  float64,
  int8,
  int16,
  int32,
  int64,
  nullable,
  optional,
  since,
  string,
  struct,
} from '../types.ts'

const throttleTimeMs = optional(int32)
const message = optional(nullable(string))
const failure = { errorCode: int16, errorMessage: message }

export const SaslHandshake = api(
  'SaslHandshake',
  { key: 17, versions: [0, 1] },
  { mechanism: string },
  { errorCode: int16, mechanisms: array(string) },
)

export const SaslAuthenticate = api(
  'SaslAuthenticate',
  { key: 36, versions: [0, 2], flexibleFrom: 2 },
  { authBytes: bytes },
  { ...failure, authBytes: bytes, sessionLifetimeMs: since(1, int64) },
)

const filter = {
  resourceTypeFilter: int8,
  resourceNameFilter: nullable(string),
  patternTypeFilter: since(1, int8, 3),
  principalFilter: nullable(string),
  hostFilter: nullable(string),
  operation: int8,
  permissionType: int8,
}
const rule = { principal: string, host: string, operation: int8, permissionType: int8 }

export const DescribeAcls = api(
  'DescribeAcls',
  { key: 29, versions: [0, 3], flexibleFrom: 2 },
  filter,
  {
    throttleTimeMs,
    ...failure,
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        patternType: since(1, int8, 3),
        acls: array(struct(rule)),
      }),
    ),
  },
)

export const CreateAcls = api(
  'CreateAcls',
  { key: 30, versions: [0, 3], flexibleFrom: 2 },
  {
    creations: array(
      struct({
        resourceType: int8,
        resourceName: string,
        resourcePatternType: since(1, int8, 3),
        ...rule,
      }),
    ),
  },
  { throttleTimeMs, results: array(struct(failure)) },
)

export const DeleteAcls = api(
  'DeleteAcls',
  { key: 31, versions: [0, 3], flexibleFrom: 2 },
  { filters: array(struct(filter)) },
  {
    throttleTimeMs,
    filterResults: array(
      struct({
        ...failure,
        matchingAcls: array(
          struct({
            ...failure,
            resourceType: int8,
            resourceName: string,
            patternType: since(1, int8, 3),
            ...rule,
          }),
        ),
      }),
    ),
  },
)

export const DescribeUserScramCredentials = api(
  'DescribeUserScramCredentials',
  { key: 50, versions: [0, 0], flexibleFrom: 0 },
  { users: nullable(array(struct({ name: string }))) },
  {
    throttleTimeMs,
    ...failure,
    results: array(
      struct({
        user: string,
        ...failure,
        credentialInfos: array(struct({ mechanism: int8, iterations: int32 })),
      }),
    ),
  },
)

export const AlterUserScramCredentials = api(
  'AlterUserScramCredentials',
  { key: 51, versions: [0, 0], flexibleFrom: 0 },
  {
    deletions: array(struct({ name: string, mechanism: int8 })),
    upsertions: array(
      struct({
        name: string,
        mechanism: int8,
        iterations: int32,
        salt: bytes,
        saltedPassword: bytes,
      }),
    ),
  },
  { throttleTimeMs, results: array(struct({ user: string, ...failure })) },
)

const entity = array(struct({ entityType: string, entityName: nullable(string) }))

export const DescribeClientQuotas = api(
  'DescribeClientQuotas',
  { key: 48, versions: [0, 1], flexibleFrom: 1 },
  {
    components: array(struct({ entityType: string, matchType: int8, match: nullable(string) })),
    strict: bool,
  },
  {
    throttleTimeMs,
    ...failure,
    entries: nullable(
      array(struct({ entity, values: array(struct({ key: string, value: float64 })) })),
    ),
  },
)

export const AlterClientQuotas = api(
  'AlterClientQuotas',
  { key: 49, versions: [0, 1], flexibleFrom: 1 },
  {
    entries: array(
      struct({ entity, ops: array(struct({ key: string, value: float64, remove: bool })) }),
    ),
    validateOnly: bool,
  },
  { throttleTimeMs, entries: array(struct({ ...failure, entity })) },
)
