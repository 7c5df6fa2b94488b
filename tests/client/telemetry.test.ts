/** Traces and metrics, as OpenTelemetry's own SDK sees them. */

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { connect, type OutboxRow, type OutboxStore, queue, topic } from '../../src/client/client.ts'

/** What is asked of the SDK; loaded by name, so that nothing here needs it to compile. */
interface FinishedSpan {
  readonly name: string
  readonly kind: number
  readonly attributes: { readonly [name: string]: unknown }
  readonly links: readonly { readonly context: { readonly spanId: string } }[]
  readonly status: { readonly code: number; readonly message?: string }
  readonly parentSpanContext?: { readonly spanId: string }
  spanContext(): { readonly spanId: string; readonly traceId: string }
}

interface Sdk {
  readonly spans: () => readonly FinishedSpan[]
  readonly reset: () => void
  readonly counts: () => Promise<{ readonly [metric: string]: number }>
  readonly stop: () => Promise<void>
}

const kinds = { client: 2, producer: 3, consumer: 4 } as const

async function startSdk(): Promise<Sdk | undefined> {
  const names = ['sdk-trace-node', 'sdk-metrics', 'api'].map(name => `@opentelemetry/${name}`)
  try {
    const [tracing, metering, api] = await Promise.all(names.map(name => import(name)))
    const exporter = new tracing.InMemorySpanExporter()
    const spanProcessors = [new tracing.SimpleSpanProcessor(exporter)]
    const provider = new tracing.NodeTracerProvider({ spanProcessors })
    provider.register()
    const metricExporter = new metering.InMemoryMetricExporter(1)
    const reader = new metering.PeriodicExportingMetricReader({
      exporter: metricExporter,
      exportIntervalMillis: 3_600_000,
    })
    const meters = new metering.MeterProvider({ readers: [reader] })
    api.metrics.setGlobalMeterProvider(meters)
    return {
      spans: () => exporter.getFinishedSpans(),
      reset: () => exporter.reset(),
      counts: async () => countsOf((await reader.collect()).resourceMetrics),
      stop: async () => {
        await provider.shutdown()
        await meters.shutdown()
      },
    }
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}

interface Metrics {
  readonly scopeMetrics: readonly {
    readonly metrics: readonly {
      readonly descriptor: { readonly name: string }
      readonly dataPoints: readonly { readonly value: number | { readonly count: number } }[]
    }[]
  }[]
}

function countsOf({ scopeMetrics }: Metrics): { [metric: string]: number } {
  const counts: { [metric: string]: number } = {}
  for (const { descriptor, dataPoints } of scopeMetrics.flatMap(({ metrics }) => metrics)) {
    for (const { value } of dataPoints) {
      const count = typeof value === 'number' ? value : value.count
      counts[descriptor.name] = (counts[descriptor.name] ?? 0) + count
    }
  }
  return counts
}

const sdk = await startSdk()
const missing = sdk === undefined ? 'the OpenTelemetry SDK is not installed' : false
if (missing !== false) console.log(`traces and metrics are not tested: ${missing}`)

const orders = queue<{ id: string }>('orders', { retry: { attempts: 1 } })
const placed = topic<{ id: string }>('order.placed')

describe('OpenTelemetry', { skip: missing }, () => {
  const { spans, reset, counts, stop } = sdk ?? ({} as Sdk)
  let before_: { readonly [metric: string]: number } = {}

  before(() => reset())
  after(() => stop())
  beforeEach(async () => {
    reset()
    before_ = await counts()
  })

  const named = (name: string) => spans().filter(span => span.name === name)

  async function until(what: string, holds: () => boolean): Promise<void> {
    for (let tries = 0; !holds(); tries++) {
      assert.ok(tries < 1000, `${what}; there are: ${spans().map(({ name }) => name)}`)
      await wait(5)
    }
  }

  it('makes the handler a child of the send, across the broker', async () => {
    await using bus = await connect('memory:')
    let traceparent = ''
    bus.consume(orders, (_, message) => {
      traceparent = message.headers['traceparent'] ?? ''
    })
    const [receipt] = await bus.send(orders, { id: 'o-1' })
    await until('it is handled', () => named('process orders').length === 1)
    const [send] = named('send orders')
    const [process] = named('process orders')
    assert.equal(send?.kind, kinds.producer)
    assert.equal(process?.kind, kinds.consumer)
    assert.equal(process?.parentSpanContext?.spanId, send?.spanContext().spanId)
    assert.equal(process?.spanContext().traceId, send?.spanContext().traceId)
    assert.ok(traceparent.includes(send!.spanContext().spanId), 'in W3C’s header')
    assert.equal(process?.attributes['messaging.message.id'], receipt?.id)
    assert.equal(process?.attributes['messaging.system'], 'spillway')
    assert.equal(process?.attributes['messaging.destination.name'], 'orders')
    assert.equal(process?.attributes['messaging.operation.type'], 'process')
  })

  it('goes on through what a handler sends, to the next one', async () => {
    await using bus = await connect('memory:')
    await bus.subscribe(placed, { group: 'billing' }, () => {}).ready
    bus.consume(orders, async (order, message) => {
      await message.publish(placed, order)
    })
    await bus.send(orders, { id: 'o-1' })
    await until('both are handled', () => named('process order.placed/billing').length === 1)
    const [last] = named('process order.placed/billing')
    const [publish] = named('send order.placed')
    const [handler] = named('process orders')
    assert.equal(last?.parentSpanContext?.spanId, publish?.spanContext().spanId)
    assert.equal(publish?.parentSpanContext?.spanId, handler?.spanContext().spanId)
    assert.equal(last?.attributes['messaging.consumer.group.name'], 'billing')
  })

  it('links a batch to each of its messages', async () => {
    await using bus = await connect('memory:')
    await bus.send(orders, [{ id: 'o-1' }, { id: 'o-2' }, { id: 'o-3' }])
    const created = named('create orders')
    const [send] = named('send orders')
    assert.equal(created.length, 3)
    assert.equal(send?.kind, kinds.client)
    assert.equal(send?.attributes['messaging.batch.message_count'], 3)
    assert.deepEqual(
      send?.links.map(({ context }) => context.spanId),
      created.map(span => span.spanContext().spanId),
    )
  })

  it('links a batch that is handled to what sent each of its messages, and what follows to it', async () => {
    await using bus = await connect('memory:')
    const options = { size: 3, wait: '1h' }
    bus.consumeBatch(
      orders,
      async batch => {
        await bus.publish(placed, { id: 'after' })
        return Promise.allSettled(
          batch.map(async ({ body }) => {
            if (body.id === 'o-2') throw new RangeError('the gateway said no')
          }),
        )
      },
      options,
    )
    await bus.send(orders, [{ id: 'o-1' }, { id: 'o-2' }, { id: 'o-3' }])
    await until('it is handled', () => named('process orders').length === 1)
    const [process] = named('process orders')
    assert.deepEqual(
      process?.links.map(({ context }) => context.spanId).sort(),
      named('create orders')
        .map(span => span.spanContext().spanId)
        .sort(),
    )
    assert.equal(process?.attributes['messaging.batch.message_count'], 3)
    assert.equal(process?.attributes['error.type'], 'RangeError')
    const [after] = named('send order.placed')
    assert.equal(after?.parentSpanContext?.spanId, process?.spanContext().spanId)
  })

  it('keeps the trace of what waits in an outbox', async () => {
    await using bus = await connect('memory:')
    const rows: OutboxRow[] = []
    const store: OutboxStore<undefined> = {
      prepare: async () => {},
      insert: async (_, added) => {
        for (const row of added) rows.push({ ...row, sequence: String(rows.length) })
      },
      relay: async (countMax, send) => {
        await send(rows.splice(0, countMax))
        return true
      },
    }
    const outbox = bus.outbox(store, { every: '1h' })
    bus.consume(orders, () => outbox.publish(undefined, placed, { id: 'later' }))
    await bus.send(orders, { id: 'o-1' })
    await until('it is handled', () => named('process orders').length === 1)
    await outbox.flush()
    const [send] = named('send order.placed')
    const [handler] = named('process orders')
    assert.equal(send?.parentSpanContext?.spanId, handler?.spanContext().spanId)
  })

  it('says what a handler threw, and counts it', async () => {
    await using bus = await connect('memory:')
    bus.consume(orders, () => {
      throw new RangeError('the gateway said no')
    })
    await bus.send(orders, { id: 'o-1' })
    await until('it has failed', () => named('process orders').length === 1)
    const [span] = named('process orders')
    assert.equal(span?.status.code, 2)
    assert.equal(span?.status.message, 'the gateway said no')
    assert.equal(span?.attributes['error.type'], 'RangeError')
    const now = await counts()
    for (const metric of [
      'messaging.client.sent.messages',
      'messaging.client.consumed.messages',
      'messaging.client.operation.duration',
      'messaging.process.duration',
    ]) {
      assert.equal((now[metric] ?? 0) - (before_[metric] ?? 0), 1, metric)
    }
  })

  it('traces what is sent in a transaction', async () => {
    await using bus = await connect('memory:')
    await bus.transaction(async all => {
      await all.send(orders, { id: 'o-1' })
      await all.publish(placed, { id: 'o-1' })
    })
    assert.equal(named('create orders').length, 1)
    assert.equal(named('create order.placed').length, 1)
  })

  it('is silent when it was told to', async () => {
    await using bus = await connect('memory:', { telemetry: false })
    await bus.send(orders, { id: 'o-1' })
    assert.deepEqual(spans(), [])
  })
})
