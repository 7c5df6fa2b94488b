/**
 * One client's connection: bytes → frames → dispatch → outbox.
 *
 *     header → starting → tuning → opening → running → closing → closed
 *
 * A frame's handler throws what it refuses; here it becomes channel.close or connection.close.
 * Publishers that must wait are a matter of `blocking.ts`.
 */

import { ByteReader } from '../../base/bytes.ts'
import { EngineFailure } from '../../engine/errors.ts'
import type { AttributeValue } from '../../engine/model.ts'
import type { AckScan } from '../../wire/amqp/content.ts'
import { decodeAck, decodeProperties, newAckScan } from '../../wire/amqp/content.ts'
import type { FieldTable } from '../../wire/amqp/field-table.ts'
import { fieldOf } from '../../wire/amqp/field-table.ts'
import {
  FrameReader,
  frameHeartbeat,
  frameMethod,
  protocolHeader,
  writeHeartbeat,
  writeMethodFrame,
} from '../../wire/amqp/frame.ts'
import {
  BasicAck,
  BasicCancel,
  BasicPublish,
  ChannelClose,
  ChannelCloseOk,
  ChannelOpen,
  ConnectionClose,
  ConnectionCloseOk,
  type MethodTable,
  methodsById,
} from '../../wire/amqp/methods.ts'
import { isConnectionError, type ReplyCode } from '../../wire/amqp/reply-codes.ts'
import { WireError } from '../../wire/schema/errors.ts'
import type { ConnectionContext, ConnectionInfo, Outbox, ServerConnection } from '../connection.ts'
import type { Grants } from './access.ts'
import { beginPublish, noMethod, takeContent, unexpectedFrame } from './assembly.ts'
import { Blocking, sendAhead } from './blocking.ts'
import type { Broker } from './broker.ts'
import { channelCommands, connectionCommands } from './commands.ts'
import { AmqpError, cannotDecode, farewell, textOf } from './errors.ts'
import { propertyAttributes } from './exchange-types.ts'
import { checkChannelLimits, start } from './handlers/connection.ts'
import { PooledRecord, publish } from './handlers/publish.ts'
import { limits } from './limits.ts'
import { attributesOf } from './mapping.ts'
import { hostPort, NameMemory } from './names.ts'
import { overdueMs, overdueText } from './overdue.ts'
import { Patience } from './patience.ts'
import { type Due, Pulse } from './pulse.ts'
import { Channel, type ChannelHost } from './session.ts'

export type State = 'header' | 'starting' | 'tuning' | 'opening' | 'running' | 'closing' | 'closed'

export class Connection implements ServerConnection, ChannelHost {
  readonly id: number
  readonly broker: Broker
  readonly outbox: Outbox
  readonly context: ConnectionContext
  readonly names = new NameMemory()
  readonly exclusives = new Set<string>()
  readonly channels = new Map<number, Channel>()

  state: State = 'header'
  user = ''
  vhost = ''
  /** What the user may do; there is one as soon as there can be channels. */
  grants!: Grants
  mechanism = ''
  /** Wall-clock milliseconds, where somebody tells the time. */
  readonly connectedAt: number
  receivedBytes = 0
  prefixBytes = 0
  clientProperties: FieldTable = []
  frameMax: number = limits.frameMax
  channelMax: number = limits.channelMax
  heartbeatSeconds = 0
  cancelNotify = false
  congested = false

  /** What the publish handler fills in, for every message anew. */
  readonly record = new PooledRecord()
  #current: Channel | undefined
  readonly #reader: FrameReader
  readonly #ackScan: AckScan = newAckScan()
  #lastChannel: Channel | undefined

  /** Channels with settlements or confirms to be written out. */
  readonly #touched: Channel[] = []
  /** Consumers whose end has not been told. */
  readonly #ended: { readonly channel: Channel; readonly tag: string }[] = []
  #inTurn = false
  #wroteReply = false
  #wroteRecord = false
  #wroteStored = false
  #engineGone = false
  #released = false

  readonly #blocking: Blocking = new Blocking(this)
  readonly #pulse = new Pulse()
  readonly #patience = new Patience()

  constructor(broker: Broker, context: ConnectionContext) {
    this.id = broker.nextConnection()
    this.connectedAt = broker.options.now?.() ?? 0
    this.broker = broker
    this.context = context
    this.outbox = context.outbox
    this.#reader = new FrameReader({
      frameMax: limits.handshakeFrameMax + limits.frameFudge,
      onHeader: ok => this.#onHeader(ok),
    })
    broker.members.add(this)
  }

  get name(): string {
    const { peer, local } = this.context
    return `${hostPort(peer)} -> ${hostPort(local)}`
  }

  // Bytes in

  receive(bytes: Uint8Array): void {
    if (this.state === 'closed') return
    this.#pulse.received = true
    this.receivedBytes += bytes.length
    this.#turn(() => this.#reader.push(bytes, this.#onFrame))
  }

  /** Runs what a peer has sent; everything that it wrote leaves together. */
  #turn(run: () => void): void {
    this.#inTurn = true
    const ended = this.#ended.length
    try {
      run()
      this.#sayAllEnded(ended)
      this.#settleTurn()
    } catch (error) {
      this.#breach(error)
    }
    this.#inTurn = false
    this.#hold()
    if (this.#ended.length > 0) this.broker.whenReleased(this)
  }

  /** What this connection has done itself is on the disk: it hears of its ended consumers. */
  released(): void {
    this.#sayAllEnded(this.#ended.length)
  }

  #onHeader(ok: boolean): void {
    if (ok) {
      this.state = 'starting'
      start(this)
      return
    }
    this.outbox.writer.raw(protocolHeader)
    this.#wroteReply = true
    this.#finish()
  }

  readonly #onFrame = (type: number, channel: number, payload: Uint8Array): void => {
    const blocking = this.#blocking
    if (!blocking.stalled && this.#mustStall(type, payload)) blocking.stall()
    if (blocking.stalled) blocking.keep({ type, channel, payload: payload.slice() })
    else this.#frame(type, channel, payload)
  }

  #frame(type: number, number: number, payload: Uint8Array): void {
    if (this.state === 'closed') return
    try {
      if (number === 0) this.#connectionFrame(type, payload)
      else if (this.state === 'running') this.#channelFrame(type, number, payload)
      else if (this.state !== 'closing')
        throw new AmqpError(505, `type ${type} before 'connection.open'`)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      const method = type === frameMethod && payload.length >= 4
      const undecodable = method && error.code === 502 && !(error instanceof AmqpError)
      const told = undecodable ? new AmqpError(501, cannotDecode(payload)) : error
      this.#refuse(told, number, method ? idOf(payload) : 0)
    }
  }

  #connectionFrame(type: number, payload: Uint8Array): void {
    if (type === frameHeartbeat) return
    if (payload.length < 4) throw new WireError(502, 'a method frame has no method', 0)
    const id = idOf(payload)
    if (this.state === 'closing') {
      if (id === ConnectionCloseOk.id) this.#finish()
      else if (id === ConnectionClose.id) this.send(ConnectionCloseOk, {})
      return
    }
    const command = connectionCommands.get(id)
    if (command === undefined || !command.states.includes(this.state)) {
      throw new AmqpError(504, `unexpected method in connection state ${this.state}`)
    }
    this.#settleTouched()
    command.handler(this, command.message.decode(new ByteReader(payload, 4)))
  }

  #channelFrame(type: number, number: number, payload: Uint8Array): void {
    const last = this.#lastChannel
    const channel = last?.number === number ? last : this.channels.get(number)
    this.#lastChannel = channel
    if (type === frameMethod) this.#methodFrame(channel, number, payload)
    else if (channel === undefined) {
      throw new AmqpError(505, 'expected method frame, got non method frame instead')
    } else if (channel.state === 'open' && takeContent(channel, type, payload)) {
      this.#current = channel
      publish(channel, this.record, this.#attributes)
    }
  }

  #methodFrame(channel: Channel | undefined, number: number, payload: Uint8Array): void {
    if (payload.length < 4) throw new WireError(502, 'a method frame has no method', 0)
    const id = idOf(payload)
    if (channel === undefined) {
      this.#openChannel(number, id)
      return
    }
    if (channel.state === 'closing') {
      if (id === ChannelCloseOk.id) this.forget(channel)
      else if (id === ChannelClose.id) channel.send(ChannelCloseOk, {})
      return
    }
    if (channel.content.stage !== 'method') throw unexpectedFrame(channel)
    if (id === BasicPublish.id) {
      beginPublish(channel, payload)
    } else if (id === BasicAck.id) {
      decodeAck(payload, this.#ackScan)
      channel.acknowledge(this.#ackScan.deliveryTag, this.#ackScan.multiple)
    } else {
      this.#command(channel, id, payload)
    }
  }

  #openChannel(number: number, id: number): void {
    checkChannelLimits(this)
    if (id !== ChannelOpen.id) throw new AmqpError(504, "expected 'channel.open'")
    const channel = new Channel(this, number)
    this.channels.set(number, channel)
    const command = channelCommands.get(id)
    command?.handler(channel, {})
  }

  #command(channel: Channel, id: number, payload: Uint8Array): void {
    const command = channelCommands.get(id)
    if (id === ChannelOpen.id) throw new AmqpError(504, "second 'channel.open' seen")
    if (command === undefined) {
      if (methodsById.has(id)) throw new AmqpError(503, 'unimplemented method')
      // RabbitMQ hangs up without a word, and nobody who speaks AMQP gets here.
      this.#finish()
      return
    }
    const request = command.message.decode(new ByteReader(payload, 4))
    this.#settleTouched()
    channel.writeConfirms()
    command.handler(channel, request)
  }

  /** The headers of the message that is being published, for a headers exchange. */
  readonly #attributes = (): ReadonlyMap<string, AttributeValue> => {
    try {
      const properties = decodeProperties(this.#current!.content.properties)
      return new Map([...attributesOf(properties.headers ?? []), ...propertyAttributes(properties)])
    } catch (error) {
      // We are inside a verb, and headers that nobody can read match nothing.
      if (error instanceof WireError) return noAttributes
      throw error
    }
  }

  // Bytes out

  send<T>(table: MethodTable<T>, value: T): void {
    writeMethodFrame(this.outbox.writer, 0, table, value)
    this.replied()
  }

  replied(): void {
    this.#wroteReply = true
    if (!this.#inTurn) this.#hold()
  }

  delivered(stored = false): void {
    if (stored) this.#wroteStored = true
    else this.#wroteRecord = true
    if (!this.#inTurn) this.#hold()
  }

  touched(channel: Channel): void {
    this.#touched.push(channel)
  }

  /**
   * At once when somebody else has deleted the queue. Who has done it himself hears it after the
   * answer, at his next word or when the deletion is on the disk: RabbitMQ's notice comes late as
   * well, and clients that tear everything down do not expect it any more.
   */
  consumerEnded(channel: Channel, tag: string): void {
    if (this.#inTurn) this.#ended.push({ channel, tag })
    else this.#sayEnded(channel, tag)
  }

  #sayEnded(channel: Channel, tag: string): void {
    if (this.state !== 'running' || this.channels.get(channel.number) !== channel) return
    if (channel.state === 'open') channel.send(BasicCancel, { consumerTag: tag, noWait: true })
  }

  /** The notices of the turns before this one. */
  #sayAllEnded(count: number): void {
    if (count === 0) return
    for (const { channel, tag } of this.#ended.splice(0, count)) this.#sayEnded(channel, tag)
  }

  #settleTouched(): void {
    for (let index = 0; index < this.#touched.length; index++) this.#touched[index]!.settleAll()
  }

  /** What has been collected: settlements first, then the confirms. */
  #settleTurn(): void {
    for (let index = 0; index < this.#touched.length; index++) {
      const channel = this.#touched[index]!
      channel.touched = false
      channel.settleAll()
      if (channel.state === 'open') channel.writeConfirms()
    }
    this.#touched.length = 0
  }

  #hold(): void {
    if (!this.#wroteReply && !this.#wroteRecord && !this.#wroteStored) return
    this.outbox.hold(this.#gate())
    this.#wroteReply = false
    this.#wroteRecord = false
    this.#wroteStored = false
    this.#pulse.sent = true
    if (this.outbox.congested && !this.congested) this.#setCongested(true)
  }

  /** What everything that was written since the last time waits for; 0: for nothing. */
  #gate(): number {
    const { engine } = this.broker
    const isOpen = !this.#engineGone && (this.state === 'running' || this.channels.size > 0)
    if (!isOpen) return 0
    if (this.#wroteReply) return engine.gate
    return this.#wroteRecord ? engine.recordGate : 0
  }

  drained(): void {
    if (this.congested) this.#setCongested(false)
  }

  #setCongested(congested: boolean): void {
    this.congested = congested
    for (const channel of this.channels.values()) channel.refreshConsumers()
  }

  // Refusals

  #refuse(error: WireError, number: number, id: number): void {
    const code = error.code as ReplyCode
    const given = error instanceof AmqpError ? error.classId : undefined
    const classId = given ?? id >>> 16
    const methodId = given === undefined ? id & 0xffff : (error as AmqpError).methodId!
    const channel = this.channels.get(number)
    const text = textOf(code, error.message)
    if (this.state === 'starting' || this.state === 'header') {
      // Nothing tells a peer that has not even logged in what was wrong.
      this.#finish()
    } else if (channel === undefined || isConnectionError(code)) {
      this.closeWith(code, text, classId, methodId)
    } else {
      this.#closeChannel(channel, code, text, { classId, methodId })
    }
  }

  #closeChannel(
    channel: Channel,
    code: ReplyCode,
    replyText: string,
    at: { readonly classId: number; readonly methodId: number },
  ): void {
    channel.writeConfirms()
    channel.release(this.#engineGone)
    channel.state = 'closing'
    channel.send(ChannelClose, { replyCode: code, replyText, ...at })
  }

  /** connection.close from us; everything that it held goes back at once. */
  closeWith(replyCode: number, replyText: string, classId: number, methodId: number): void {
    for (const channel of this.channels.values()) {
      if (channel.state === 'open' && !this.#engineGone) {
        channel.settleAll()
        channel.writeConfirms()
      }
    }
    this.send(ConnectionClose, { replyCode, replyText, classId, methodId })
    this.#hold()
    this.#release()
    this.state = 'closing'
  }

  /** The frames cannot be told apart any more, or the engine has stopped. */
  #breach(error: unknown): void {
    if (error instanceof EngineFailure) this.failed()
    else if (!(error instanceof WireError)) throw error
    else {
      if (this.state !== 'closing') this.#refuse(error, 0, 0)
      // No close-ok can be read after this.
      this.#finish()
    }
  }

  /** Says nothing more, and hangs up when everything has left. */
  #finish(): void {
    if (this.state === 'closed') return
    this.#hold()
    this.#release()
    this.#reader.stop()
    this.state = 'closed'
    this.outbox.end()
  }

  /** connection.close by the peer: its answer is the last thing that it hears. */
  closedByPeer(): void {
    for (const channel of this.channels.values())
      if (channel.state === 'open') channel.writeConfirms()
    this.send(ConnectionCloseOk, {})
    this.#finish()
  }

  forget(channel: Channel): void {
    this.channels.delete(channel.number)
    if (this.#lastChannel === channel) this.#lastChannel = undefined
  }

  #release(): void {
    if (this.#released) return
    this.#released = true
    for (const channel of this.channels.values()) channel.release(this.#engineGone)
    this.channels.clear()
    this.#lastChannel = undefined
    this.#blocking.forget()
    const { broker } = this
    broker.members.delete(this)
    for (const name of this.exclusives) {
      if (broker.owners.get(name) !== this) continue
      broker.owners.delete(name)
      if (!this.#engineGone) broker.engine.dropLog(name)
    }
    this.exclusives.clear()
  }

  // Time

  tick(nowMs: number): void {
    this.broker.lookAtMemory(nowMs)
    if (this.#patience.isOver(this.outbox, nowMs)) {
      this.outbox.destroy()
      return
    }
    switch (this.#due(nowMs)) {
      case 'hang-up':
        this.outbox.destroy()
        return
      case 'beat':
        sendAhead(this.outbox, writeHeartbeat)
    }
    if (this.state === 'running') this.#checkOverdue(nowMs)
  }

  get hasty(): boolean {
    return this.heartbeatSeconds > 0 && this.heartbeatSeconds < limits.hastyHeartbeatSeconds
  }

  #due(nowMs: number): Due {
    if (this.state === 'closed') return 'nothing'
    if (this.state === 'closing') return this.#pulse.closing(nowMs)
    if (this.state !== 'running') return this.#pulse.handshake(nowMs)
    return this.#pulse.running(nowMs, this.heartbeatSeconds, this.#blocking.stalled)
  }

  #checkOverdue(nowMs: number): void {
    for (const channel of this.channels.values()) {
      const limitMs = channel.state === 'open' ? overdueMs(channel, nowMs) : undefined
      if (limitMs === undefined) continue
      const text = textOf(406, overdueText(channel.number, limitMs))
      this.#closeChannel(channel, 406, text, noMethod)
    }
  }

  // Alarms

  #mustStall(type: number, payload: Uint8Array): boolean {
    return (
      type === frameMethod &&
      this.broker.refusing &&
      this.state === 'running' &&
      payload.length >= 4 &&
      idOf(payload) === BasicPublish.id
    )
  }

  alarmed(): void {
    const blocking = this.#blocking
    if (!blocking.stalled || this.state !== 'running') return
    if (this.broker.refusing) {
      blocking.sayBlocked()
      return
    }
    this.#turn(() => blocking.resume(one => this.#onFrame(one.type, one.channel, one.payload)))
    if (!blocking.stalled) this.context.pauseReading(false)
  }

  /** Whether the client has said that it understands something. */
  capable(name: string): boolean {
    const capabilities = fieldOf(this.clientProperties, 'capabilities')
    if (capabilities?.type !== 'F') return false
    const field = fieldOf(capabilities.value, name)
    return field?.type === 't' && field.value
  }

  // The end

  failed(): void {
    this.#engineGone = true
    this.shutdown('failed', 'the broker has stopped')
  }

  shutdown(reason: 'stopping' | 'failed' | 'requested', text: string): void {
    if (this.state === 'closed') return
    if (reason === 'failed') this.#engineGone = true
    if (this.state === 'running') {
      const code = reason === 'failed' ? 541 : 320
      this.closeWith(code, textOf(code, farewell(reason, text)), 0, 0)
    }
    this.#finish()
  }

  closed(): void {
    this.state = 'closed'
    this.#reader.stop()
    this.#release()
  }

  describe(): ConnectionInfo {
    const name = fieldOf(this.clientProperties, 'connection_name')
    const product = fieldOf(this.clientProperties, 'product')
    let unacked = 0
    let consumers = 0
    for (const channel of this.channels.values()) {
      unacked += channel.unacked.size
      consumers += channel.consumers.size
    }
    return {
      user: this.user,
      state: this.#blocking.stalled ? 'blocked' : this.state,
      details: {
        vhost: this.vhost,
        client: product?.type === 'S' ? String(product.value) : '',
        name: name?.type === 'S' ? String(name.value) : '',
        channels: this.channels.size,
        consumers,
        unacknowledged: unacked,
        heartbeatSeconds: this.heartbeatSeconds,
        frameMax: this.frameMax,
      },
    }
  }

  /** What tune-ok has settled. */
  tuned(tune: {
    readonly channelMax: number
    readonly frameMax: number
    readonly heartbeat: number
  }): void {
    this.channelMax = tune.channelMax
    this.frameMax = tune.frameMax
    this.heartbeatSeconds = tune.heartbeat
    this.#reader.frameMax = tune.frameMax + limits.frameFudge
  }
}

const noAttributes: ReadonlyMap<string, AttributeValue> = new Map()

function idOf(payload: Uint8Array): number {
  return (payload[0]! << 24) | (payload[1]! << 16) | (payload[2]! << 8) | payload[3]!
}
