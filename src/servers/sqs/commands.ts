/**
 * The table of contents of SQS as we serve it: action → handler → note. The dispatcher looks
 * actions up here, and the compatibility page is printed from it.
 */

import type { JsonType, Shape } from '../../wire/schema/json.ts'
import type { Action } from '../../wire/sqs/actions.ts'
import * as wire from '../../wire/sqs/actions.ts'
import type { Request } from './connection.ts'
import * as listing from './handlers/listing.ts'
import * as move from './handlers/move.ts'
import * as permission from './handlers/permission.ts'
import * as queue from './handlers/queue.ts'
import * as receive from './handlers/receive.ts'
import * as send from './handlers/send.ts'
import * as settle from './handlers/settle.ts'

export interface Command {
  readonly name: string
  readonly request: JsonType<unknown>
  /** Of the result; undefined: there is none. */
  readonly shape: Shape | undefined
  readonly handler: (request: Request, input: unknown) => void
  readonly note: string
}

/** An action that is answered at once. */
function now<Input, Result>(
  action: Action<Input, Result>,
  handler: (request: Request, input: Input) => Result,
  note: string,
): Command {
  return later(action, (request, input) => request.finish(handler(request, input)), note)
}

/** An action that calls `finish` itself. */
function later<Input, Result>(
  { name, request, result }: Action<Input, Result>,
  handler: (request: Request, input: Input) => void,
  note: string,
): Command {
  return { name, request, shape: result?.shape, handler, note } as unknown as Command
}

const table: readonly Command[] = [
  now(wire.AddPermission, permission.addPermission, 'kept in the policy, not enforced'),
  now(wire.CancelMessageMoveTask, move.cancelTask, ''),
  now(wire.ChangeMessageVisibility, settle.changeVisibility, 'up to 12 h from the receive'),
  now(wire.ChangeMessageVisibilityBatch, settle.changeVisibilityBatch, ''),
  now(wire.CreateQueue, queue.createQueue, 'idempotent when nothing differs'),
  now(wire.DeleteMessage, settle.deleteMessage, ''),
  now(wire.DeleteMessageBatch, settle.deleteMessageBatch, ''),
  now(wire.DeleteQueue, queue.deleteQueue, 'its name is free again after the cool-down'),
  now(wire.GetQueueAttributes, queue.getAttributes, ''),
  now(wire.GetQueueUrl, queue.getUrl, 'by the Host of the request'),
  now(wire.ListDeadLetterSourceQueues, listing.listSources, ''),
  now(wire.ListMessageMoveTasks, move.listTasks, 'the 10 newest of a source'),
  now(wire.ListQueues, listing.listQueues, 'also queues that other protocols made'),
  now(wire.ListQueueTags, queue.listTags, ''),
  now(wire.PurgeQueue, queue.purge, 'also what is in flight or delayed'),
  later(wire.ReceiveMessage, receive.receive, 'long polls wake when a message becomes visible'),
  now(wire.RemovePermission, permission.removePermission, ''),
  now(wire.SendMessage, send.sendMessage, ''),
  now(wire.SendMessageBatch, send.sendBatch, 'one effect: on the disk entirely or not at all'),
  now(wire.SetQueueAttributes, queue.setAttributes, ''),
  now(wire.StartMessageMoveTask, move.startTask, 'goes on after a restart'),
  now(wire.TagQueue, queue.tag, ''),
  now(wire.UntagQueue, queue.untag, ''),
]

export const commands: ReadonlyMap<string, Command> = new Map(
  table.map(command => [command.name, command]),
)
