/**
 * A channel without a connection: the management API declares, binds and deletes with the same
 * handlers as a client, with a user's rights or with all. What they write is thrown away.
 */

import { ByteWriter, encodeUtf8 } from '../../../base/bytes.ts'
import type { Outbox } from '../../connection.ts'
import { Grants } from '../access.ts'
import type { Broker } from '../broker.ts'
import { AmqpError, textOf } from '../errors.ts'
import { limits } from '../limits.ts'
import { NameMemory, prefixOf } from '../names.ts'
import { Channel, type ChannelHost } from '../session.ts'
import { HttpRefusal } from './http.ts'

class Nowhere implements Outbox {
  readonly writer = new ByteWriter()
  readonly size = 0
  readonly congested = false
  readonly unread = 0
  readonly left = 0
  hold(): void {
    this.writer.clear()
  }
  ahead(): void {}
  end(): void {}
  destroy(): void {}
}

class DirectHost implements ChannelHost {
  readonly id: number
  readonly broker: Broker
  readonly outbox = new Nowhere()
  readonly vhost: string
  readonly prefixBytes: number
  readonly user: string
  readonly name = 'management'
  readonly grants: Grants
  readonly frameMax = limits.frameMax
  readonly names = new NameMemory()
  readonly cancelNotify = false
  readonly exclusives = new Set<string>()
  readonly congested = false

  constructor(broker: Broker, vhost: string, user: string | undefined) {
    this.id = broker.nextConnection()
    this.broker = broker
    this.vhost = vhost
    this.prefixBytes = encodeUtf8(prefixOf(vhost)).length
    this.user = user ?? ''
    this.grants = new Grants(broker.access, vhost, this.user, user === undefined)
  }

  replied(): void {}
  delivered(): void {}
  consumerEnded(): void {}
  forget(): void {}
  touched(): void {}
}

/** Without a user nothing is refused. */
export function directChannel(broker: Broker, vhost: string, user: string | undefined): Channel {
  return new Channel(new DirectHost(broker, vhost, user), 1)
}

/** Runs it, and tells a refusal as the management API does. */
export function asHttp<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof AmqpError)) throw error
    if (error.code === 403) throw new HttpRefusal(401, 'not_authorised', 'Access refused.')
    if (error.code === 404) throw new HttpRefusal(404, 'not_found', error.message)
    throw new HttpRefusal(400, 'bad_request', error.message)
  }
}

/** A refusal as a client would have heard it: `404 NOT_FOUND - no exchange …`. */
export function asHeard(error: unknown): never {
  if (!(error instanceof AmqpError)) throw error
  const code = error.code as 404
  throw new HttpRefusal(400, 'bad_request', `${code} ${textOf(code, error.message)}`)
}
