/**
 * channel.* and access.request: what a channel is, and what it is for.
 *
 * Refuses: channel.flow active=false (540).
 */

import {
  type AccessRequest,
  AccessRequestOk,
  ChannelCloseOk,
  type ChannelFlow,
  ChannelFlowOk,
  ChannelOpenOk,
} from '../../../wire/amqp/methods.ts'
import { fail } from '../errors.ts'
import type { Channel } from '../session.ts'

export function open(channel: Channel): void {
  channel.send(ChannelOpenOk, {})
}

/** Consumers leave, and what was not acknowledged goes back. */
export function close(channel: Channel): void {
  channel.release(false)
  channel.send(ChannelCloseOk, {})
  channel.host.forget(channel)
}

export function flow(channel: Channel, request: ChannelFlow): void {
  if (!request.active) fail(540, 'active=false')
  channel.send(ChannelFlowOk, { active: true })
}

/** Of AMQP 0-8; the ticket is ignored wherever it comes back. */
export function accessRequest(channel: Channel, _request: AccessRequest): void {
  channel.send(AccessRequestOk, { ticket: 1 })
}
