/**
 * Batches that were made before the clock starts, sent as fast as they are answered: a producer
 * that costs next to nothing, so that the broker is what is measured.
 */

import { connect } from 'node:net'
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts'
import { Produce } from '../../src/wire/kafka/messages/data.ts'
import { encodeBatch } from '../../src/wire/kafka/record-batch.ts'

export interface RawProduceLoad {
  readonly port: number
  readonly topic: string
  readonly partitions: number
  readonly batches: number
  readonly recordsPerBatch: number
  readonly recordBytes: number
  /** Requests on their way at one time. */
  readonly window: number
}

const version = 9
/** A partition that was made just now may not have its leader yet: Kafka's error 6. */
const notLeaderOrFollower = 6
const retryMs = 20

export interface RawProduceResult {
  readonly elapsedMs: number
  readonly processorShare: number
}

/** Sends the load on one connection, a batch in each request, partition after partition. */
export function rawProduce(load: RawProduceLoad): Promise<RawProduceResult> {
  const requests = Array.from({ length: load.partitions }, (_, index) => requestOf(load, index))
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: load.port, noDelay: true })
    let received = Buffer.alloc(0)
    /** Of each request under way, in their order: its partition. */
    const asked: number[] = []
    let sent = 0
    let answered = 0
    let startedAt = 0
    let usage = process.cpuUsage()
    const ask = (partition: number): void => {
      asked.push(partition)
      socket.write(requests[partition]!)
    }
    const send = (): void => {
      while (sent < load.batches && sent - answered < load.window) {
        ask(sent % load.partitions)
        sent++
      }
    }
    socket.once('error', reject)
    socket.once('connect', () => {
      startedAt = performance.now()
      usage = process.cpuUsage()
      send()
    })
    socket.on('data', bytes => {
      received = received.length === 0 ? bytes : Buffer.concat([received, bytes])
      while (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) {
        const size = received.readUInt32BE(0)
        const errorCode = errorOf(received.subarray(4, 4 + size))
        const partition = asked.shift()!
        received = received.subarray(4 + size)
        if (errorCode === notLeaderOrFollower) setTimeout(ask, retryMs, partition)
        else if (errorCode === 0) answered++
        else return reject(new Error(`refused with ${errorCode}`))
      }
      send()
      if (answered < load.batches) return
      const elapsedMs = performance.now() - startedAt
      const { user, system } = process.cpuUsage(usage)
      socket.destroy()
      resolve({ elapsedMs, processorShare: (user + system) / 1000 / elapsedMs })
    })
  })
}

function requestOf(load: RawProduceLoad, index: number): Uint8Array {
  const value = new Uint8Array(load.recordBytes).fill(120)
  const one = { timestamp: Date.now(), key: null, value }
  const records = encodeBatch(Array.from({ length: load.recordsPerBatch }, () => one))
  const writer = new ByteWriter()
  writer.u32(0)
  writer.u16(Produce.key)
  writer.u16(version)
  writer.u32(index)
  writer.u16(0xffff)
  writer.u8(0)
  const topicData = [{ name: load.topic, partitionData: [{ index, records }] }]
  const request = { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData }
  Produce.request(version).encode(writer, request)
  writer.view.setUint32(0, writer.end - 4)
  return writer.take()
}

function errorOf(frame: Uint8Array): number {
  const reader = new ByteReader(frame)
  reader.u32()
  reader.u8()
  const { responses } = Produce.response(version).decode(reader) as {
    readonly responses: readonly {
      readonly partitionResponses: readonly { readonly errorCode: number }[]
    }[]
  }
  return responses[0]?.partitionResponses[0]?.errorCode ?? 0
}
