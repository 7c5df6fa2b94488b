/**
 * Permissions: statements in the queue's policy. They are kept and shown; nothing enforces them.
 */

import type { Request } from '../connection.ts'
import { invalidValue } from '../errors.ts'
import type { QueueView } from '../mapping.ts'
import { arnOf } from '../names.ts'

interface Statement {
  readonly Sid?: string
  readonly [name: string]: unknown
}

interface Policy {
  readonly Version: string
  readonly Id: string
  readonly Statement: readonly Statement[]
}

export function addPermission(
  request: Request,
  input: {
    readonly QueueUrl?: string | undefined
    readonly Label: string
    readonly AWSAccountIds: readonly string[]
    readonly Actions: readonly string[]
  },
): undefined {
  const { broker } = request
  const view = broker.queue(request.queueName(input.QueueUrl))
  const arn = arnOf({ ...broker.place, region: view.label.region }, view.name)
  const policy = policyOf(view) ?? {
    Version: '2008-10-17',
    Id: `${arn}/SQSDefaultPolicy`,
    Statement: [],
  }
  if (policy.Statement.some(({ Sid }) => Sid === input.Label)) {
    invalidValue('Label', input.Label, 'Already exists.')
  }
  const principals = input.AWSAccountIds.map(id => `arn:aws:iam::${id}:root`)
  const actions = input.Actions.map(action => `SQS:${action}`)
  const statement = {
    Sid: input.Label,
    Effect: 'Allow',
    Principal: { AWS: one(principals) },
    Action: one(actions),
    Resource: arn,
  }
  keep(request, view, { ...policy, Statement: [...policy.Statement, statement] })
}

export function removePermission(
  request: Request,
  input: { readonly QueueUrl?: string | undefined; readonly Label: string },
): undefined {
  const view = request.broker.queue(request.queueName(input.QueueUrl))
  const policy = policyOf(view)
  const left = policy?.Statement.filter(({ Sid }) => Sid !== input.Label) ?? []
  if (policy === undefined || left.length === policy.Statement.length) {
    invalidValue('Label', input.Label, "can't find label.")
  }
  keep(request, view, left.length === 0 ? undefined : { ...policy, Statement: left })
}

function one(values: readonly string[]): string | readonly string[] {
  return values.length === 1 ? values[0]! : values
}

function policyOf({ label }: QueueView): Policy | undefined {
  const text = label.attributes['Policy']
  if (text === undefined) return undefined
  const policy = JSON.parse(text) as Policy
  const statements = policy.Statement ?? []
  return { ...policy, Statement: Array.isArray(statements) ? statements : [statements] }
}

function keep(request: Request, view: QueueView, policy: Policy | undefined): void {
  const { Policy: _before, ...rest } = view.label.attributes
  const attributes = policy === undefined ? rest : { ...rest, Policy: JSON.stringify(policy) }
  request.broker.relabel(view, { attributes })
}
