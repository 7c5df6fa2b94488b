/** confirm.select: from here on every publish is answered. Never taken back. */

import { type ConfirmSelect, ConfirmSelectOk } from '../../../wire/amqp/methods.ts'
import { fail } from '../errors.ts'
import type { Channel } from '../session.ts'

export function select(channel: Channel, request: ConfirmSelect): void {
  if (channel.transaction !== undefined) fail(406, 'cannot switch from tx to confirm mode')
  channel.confirming = true
  if (!request.noWait) channel.send(ConfirmSelectOk, {})
}
