/** Message move tasks: started, listed and cancelled here; `move-tasks.ts` does the work. */

import type { Request } from '../connection.ts'
import { fail, invalidValue } from '../errors.ts'
import { limits } from '../limits.ts'
import type { MoveTask } from '../move-tasks.ts'
import { nameOfArn } from '../names.ts'

function noResource(parameter: string): never {
  fail(
    'ResourceNotFoundException',
    `The resource that you specified for the ${parameter} parameter doesn't exist.`,
  )
}

export function startTask(
  { broker }: Request,
  input: {
    readonly SourceArn: string
    readonly DestinationArn?: string | undefined
    readonly MaxNumberOfMessagesPerSecond?: number | undefined
  },
) {
  const source = broker.find(nameOfArn(input.SourceArn) ?? '') ?? noResource('SourceArn')
  if (broker.sourcesOf(source.name).length === 0) {
    fail(
      'InvalidParameterValueException',
      'Source queue must be configured as a Dead Letter Queue.',
    )
  }
  const rate = input.MaxNumberOfMessagesPerSecond
  if (rate !== undefined && (rate < 1 || rate > limits.moveRateMax)) {
    invalidValue('MaxNumberOfMessagesPerSecond', rate, 'Must be between 1 and 500.')
  }
  const { DestinationArn: arn } = input
  const destination =
    arn === undefined
      ? undefined
      : (broker.find(nameOfArn(arn) ?? '') ?? noResource('DestinationArn'))
  if (destination !== undefined && destination.fifo !== source.fifo) {
    fail('InvalidParameterValueException', 'Source and destination must be of the same type.')
  }
  if (
    broker.moves
      .of(source.name)
      .some(task => task.status === 'RUNNING' || task.status === 'CANCELLING')
  ) {
    fail(
      'InvalidParameterValueException',
      'There is already a task running. Only one active task is allowed for a source queue arn at a given time.',
    )
  }
  const task = broker.moves.start({
    source: source.name,
    sourceArn: input.SourceArn,
    destination: destination?.name,
    destinationArn: arn,
    rate,
  })
  return { TaskHandle: handleOf(task) }
}

export function listTasks(
  { broker }: Request,
  input: { readonly SourceArn: string; readonly MaxResults?: number | undefined },
) {
  const source = broker.find(nameOfArn(input.SourceArn) ?? '') ?? noResource('SourceArn')
  const { MaxResults: most = 1 } = input
  if (most < 1 || most > limits.moveTasksShown) {
    invalidValue('MaxResults', most, 'Must be between 1 and 10.')
  }
  return { Results: broker.moves.of(source.name).slice(0, most).map(shown) }
}

export function cancelTask({ broker }: Request, input: { readonly TaskHandle: string }) {
  const handle = parseHandle(input.TaskHandle)
  if (handle === undefined) {
    fail('InvalidParameterValueException', 'Value for parameter TaskHandle is invalid.')
  }
  const source = broker.find(nameOfArn(handle.sourceArn) ?? '') ?? noResource('SourceArn')
  const task = broker.moves.of(source.name).find(({ id }) => id === handle.taskId)
  if (task === undefined) fail('ResourceNotFoundException', 'Task does not exist.')
  if (task.status !== 'RUNNING') {
    fail('UnsupportedOperation', 'Only active tasks can be cancelled.')
  }
  broker.moves.cancel(task)
  return { ApproximateNumberOfMessagesMoved: task.moved }
}

function shown(task: MoveTask) {
  return {
    ...(task.status === 'RUNNING' ? { TaskHandle: handleOf(task) } : {}),
    Status: task.status,
    SourceArn: task.sourceArn,
    ...(task.destinationArn === undefined ? {} : { DestinationArn: task.destinationArn }),
    ...(task.rate === undefined ? {} : { MaxNumberOfMessagesPerSecond: task.rate }),
    ApproximateNumberOfMessagesMoved: task.moved,
    ApproximateNumberOfMessagesToMove: task.toMove,
    ...(task.failure === undefined ? {} : { FailureReason: task.failure }),
    StartedTimestamp: task.startedAt,
  }
}

function handleOf({ id, sourceArn }: MoveTask): string {
  return btoa(JSON.stringify({ taskId: id, sourceArn }))
}

function parseHandle(
  text: string,
): { readonly taskId: string; readonly sourceArn: string } | undefined {
  try {
    const { taskId, sourceArn } = JSON.parse(atob(text)) as { [name: string]: unknown }
    return typeof taskId === 'string' && typeof sourceArn === 'string'
      ? { taskId, sourceArn }
      : undefined
  } catch {
    return undefined
  }
}
