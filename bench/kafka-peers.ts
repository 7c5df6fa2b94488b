/** Kafka and Spillway beside each other, and how Kafka's own tools are asked for figures. */

import { join } from 'node:path'
import { repositoryFolder, startSpillway } from '../tests/harness/broker.ts'
import {
  fetchKafka,
  type JavaOutput,
  runKafkaTool,
  startKafkaPeer,
} from '../tests/interop/peers/kafka.ts'
import type { Contender } from './peers.ts'

/** The durability of the Kafka that is asked: its default, or a flush for every message. */
export type KafkaDurability = 'page-cache' | 'flushing'

/** The peer first: ratios are ours over theirs. Spillway always syncs before it answers. */
export function kafkaContenders(only: string | undefined, durability: KafkaDurability) {
  const all: Contender[] = []
  if (only === undefined || only === 'kafka') {
    const missing = fetchKafka()
    const properties = durability === 'flushing' ? ['log.flush.interval.messages=1'] : []
    if (missing === undefined) {
      all.push({ name: 'Kafka', start: () => startKafkaPeer({ properties }) })
    } else console.error(`Kafka is MISSING, so there is nothing to compare with: ${missing}`)
  }
  if (only === undefined || only === 'spillway') {
    all.push({ name: 'Spillway', start: () => startSpillway() })
  }
  return all
}

export interface ToolResult {
  readonly perSecond: number
  /** The tool's own use of one processor. */
  readonly loadShare: number
}

export interface ProduceLoad {
  readonly port: number
  readonly topic: string
  readonly records: number
  readonly recordBytes: number
  /** Further properties of the producer. */
  readonly properties?: readonly string[]
}

/**
 * kafka-producer-perf-test, acks=all. The rate is of its steady state: during the first quarter its
 * own virtual machine is what is slow, which at 75,000 records was most of the run.
 */
export async function producePerf(load: ProduceLoad): Promise<ToolResult> {
  const startedAt = performance.now()
  const output = await runKafkaTool('org.apache.kafka.tools.ProducerPerformance', [
    ...['--topic', load.topic, '--num-records', String(load.records)],
    ...['--record-size', String(load.recordBytes), '--throughput', '-1'],
    ...['--warmup-records', String(Math.ceil(load.records / 4)), '--command-property'],
    ...[`bootstrap.servers=127.0.0.1:${load.port}`, 'acks=all', ...(load.properties ?? [])],
  ])
  // The last line that says so is about the steady state.
  const rates = [...output.text.matchAll(/records sent, ([\d.]+) records\/sec/g)]
  return resultOf(output, Number(rates.at(-1)?.[1]), startedAt)
}

/** kafka-consumer-perf-test: from the first record to the last, without the rebalance. */
export async function consumePerf(load: Omit<ProduceLoad, 'recordBytes'>): Promise<ToolResult> {
  const startedAt = performance.now()
  const output = await runKafkaTool('org.apache.kafka.tools.ConsumerPerformance', [
    ...['--bootstrap-server', `127.0.0.1:${load.port}`, '--topic', load.topic],
    ...['--num-records', String(load.records), '--timeout', '60000', '--hide-header'],
  ])
  // …, records, records a second, rebalance ms, fetch ms, MB a second fetching, records a second.
  const row = output.text.split('\n').find(line => line.split(',').length >= 10)
  return resultOf(output, Number(row?.split(',')[9]), startedAt)
}

/** Transactions of `records` records each, one after another: transactions a second. */
export async function transactionPerf(
  load: ProduceLoad & { readonly transactions: number },
): Promise<ToolResult> {
  const startedAt = performance.now()
  const output = await runKafkaTool(join(repositoryFolder(), 'bench/load/transactions.java'), [
    ...[`127.0.0.1:${load.port}`, load.topic, String(load.transactions)],
    ...[String(load.records), String(load.recordBytes)],
  ])
  const rate = Number(/([\d.]+) transactions\/sec/.exec(output.text)?.[1])
  return resultOf(output, rate, startedAt)
}

/** kafka-e2e-latency: a record is produced, and consumed, before the next one. Milliseconds. */
export async function endToEndPerf(
  load: ProduceLoad,
): Promise<{ readonly p50: number; readonly p99: number; readonly mean: number }> {
  const { text } = await runKafkaTool('org.apache.kafka.tools.EndToEndLatency', [
    ...['--bootstrap-server', `127.0.0.1:${load.port}`, '--topic', load.topic],
    ...['--num-records', String(load.records), '--producer-acks', 'all'],
    ...['--record-size', String(load.recordBytes)],
  ])
  const figure = (pattern: RegExp): number => {
    const value = Number(pattern.exec(text)?.[1])
    if (!Number.isFinite(value)) throw new Error(`no figure in:\n${text}`)
    return value
  }
  return {
    p50: figure(/50th = ([\d.]+)/),
    p99: figure(/99th = ([\d.]+)/),
    mean: figure(/Avg latency: ([\d.]+) ms/),
  }
}

function resultOf(output: JavaOutput, perSecond: number, startedAt: number): ToolResult {
  if (!Number.isFinite(perSecond)) throw new Error(`no figure in:\n${output.text}`)
  return { perSecond, loadShare: output.processorMs / (performance.now() - startedAt) }
}
