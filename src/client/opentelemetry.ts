/**
 * OpenTelemetry, through its optional package `@opentelemetry/api`: spans and metrics by the
 * semantic conventions for messaging, and the W3C trace context in the messages' headers. What is
 * done with them is decided by the SDK that the application registers, before it connects.
 *
 *     send orders       PRODUCER   one message; its context travels in `traceparent`
 *     create orders     PRODUCER   each one of several, and
 *     send orders       CLIENT     the call that sends them, with a link to each
 *     process orders    CONSUMER   a handler call: a child of what sent the message; a batch has a
 *                                  link to each
 *
 *     messaging.client.sent.messages, messaging.client.consumed.messages      counts
 *     messaging.client.operation.duration, messaging.process.duration         seconds
 */

import type { Attributes, Context, Span } from '@opentelemetry/api'
import type { Clock } from '../engine/ports.ts'
import type { Delivery, Headers, Outgoing, SendResult } from './driver.ts'
import type { Telemetry } from './telemetry.ts'
import { headerNames } from './wire.ts'

type Api = typeof import('@opentelemetry/api')

/** As the conventions name those that they know. */
const systems: { readonly [backend: string]: string } = { sqs: 'aws_sqs', embedded: 'spillway' }

/** Undefined where the package is not installed, or no SDK is registered that would hear of it. */
export async function openTelemetry(backend: string, clock: Clock): Promise<Telemetry | undefined> {
  try {
    const telemetry = new OpenTelemetry(await import('@opentelemetry/api'), backend, clock)
    return telemetry.isHeard ? telemetry : undefined
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}

class OpenTelemetry implements Telemetry {
  readonly #api: Api
  readonly #system: string
  readonly #clock: Clock
  readonly #tracer: ReturnType<Api['trace']['getTracer']>
  readonly #sent
  readonly #consumed
  readonly #sendSeconds
  readonly #processSeconds

  constructor(api: Api, backend: string, clock: Clock) {
    this.#api = api
    this.#system = systems[backend] ?? backend
    this.#clock = clock
    this.#tracer = api.trace.getTracer('spillway')
    const meter = api.metrics.getMeter('spillway')
    const seconds = { unit: 's' }
    this.#sent = meter.createCounter('messaging.client.sent.messages')
    this.#consumed = meter.createCounter('messaging.client.consumed.messages')
    this.#sendSeconds = meter.createHistogram('messaging.client.operation.duration', seconds)
    this.#processSeconds = meter.createHistogram('messaging.process.duration', seconds)
  }

  /**
   * Without an SDK there is one instrument for all names, spans have no identity, and nothing is
   * propagated. Going through all that for each message cost a third of a send.
   */
  get isHeard(): boolean {
    const { propagation, isSpanContextValid } = this.#api
    const isTraced = isSpanContextValid(this.#tracer.startSpan('connect').spanContext())
    return isTraced || this.#sent !== this.#consumed || propagation.fields().length > 0
  }

  sending(messages: readonly Outgoing[]): ReturnType<Telemetry['sending']> {
    const { SpanKind } = this.#api
    const isOne = messages.length === 1
    const spans = messages.map(message => this.#producer(message, isOne ? 'send' : 'create'))
    const traced = messages.map((message, index) => this.#inject(message, spans[index]!))
    const destination = messages[0]!.to.name
    const attributes = { ...this.#attributes(destination), ...operation('send', 'send') }
    let call = spans[0]!
    if (!isOne) {
      for (const span of spans) span.end()
      call = this.#tracer.startSpan(`send ${destination}`, {
        kind: SpanKind.CLIENT,
        links: spans.map(span => ({ context: span.spanContext() })),
        attributes: { ...attributes, 'messaging.batch.message_count': messages.length },
      })
    }
    const begunMs = this.#clock.monotonic()
    return {
      messages: traced,
      ended: results => {
        const failed = results instanceof Error ? results : firstError(results)
        const facts = failed === undefined ? attributes : { ...attributes, ...errorType(failed) }
        this.#sent.add(messages.length, facts)
        this.#sendSeconds.record((this.#clock.monotonic() - begunMs) / 1000, facts)
        this.#end(call, failed)
      },
    }
  }

  current(): Headers {
    const { context, propagation } = this.#api
    const headers: { [name: string]: string } = {}
    propagation.inject(context.active(), headers)
    return headers
  }

  async handling(
    delivery: Delivery,
    { source, group }: { readonly source: string; readonly group: string | undefined },
    run: () => Promise<void>,
  ): Promise<void> {
    const { context, propagation, trace, SpanKind } = this.#api
    const { headers, attempt } = delivery
    const attributes = this.#processing(source, group)
    const parent = propagation.extract(context.active(), headers)
    const created = trace.getSpanContext(parent)
    const span = this.#tracer.startSpan(
      `process ${source}`,
      {
        kind: SpanKind.CONSUMER,
        links: created === undefined ? [] : [{ context: created }],
        attributes: {
          ...attributes,
          'messaging.message.id': headers[headerNames.id] ?? delivery.id,
          'spillway.attempt': attempt,
        },
      },
      parent,
    )
    await this.#process({ span, parent, attributes, count: 1 }, run)
  }

  async handlingBatch(
    deliveries: readonly Delivery[],
    { source, group }: { readonly source: string; readonly group: string | undefined },
    run: () => Promise<unknown>,
  ): Promise<void> {
    const { context, propagation, trace, SpanKind } = this.#api
    const attributes = this.#processing(source, group)
    const parent = context.active()
    const count = deliveries.length
    const span = this.#tracer.startSpan(
      `process ${source}`,
      {
        kind: SpanKind.CONSUMER,
        links: deliveries.flatMap(({ headers }) => {
          const created = trace.getSpanContext(propagation.extract(parent, headers))
          return created === undefined ? [] : [{ context: created }]
        }),
        attributes: { ...attributes, 'messaging.batch.message_count': count },
      },
      parent,
    )
    await this.#process({ span, parent, attributes, count }, run)
  }

  /** Passes on what `run` throws; what it returns is an error that it has dealt with. */
  async #process(
    { span, parent, attributes, count }: Processing,
    run: () => Promise<unknown>,
  ): Promise<void> {
    const { context, trace } = this.#api
    const begunMs = this.#clock.monotonic()
    let failure: Error | undefined
    try {
      const failed = await context.with(trace.setSpan(parent, span), run)
      if (failed !== undefined) failure = errorOf(failed)
    } catch (thrown) {
      failure = errorOf(thrown)
      throw thrown
    } finally {
      const facts = failure === undefined ? attributes : { ...attributes, ...errorType(failure) }
      this.#consumed.add(count, facts)
      this.#processSeconds.record((this.#clock.monotonic() - begunMs) / 1000, facts)
      this.#end(span, failure)
    }
  }

  #processing(source: string, group: string | undefined): Attributes {
    return {
      ...this.#attributes(source),
      ...operation('process', 'process'),
      ...(group === undefined ? {} : { 'messaging.consumer.group.name': group }),
    }
  }

  /** A child of what is going on, or of the message that is the cause, or of nothing. */
  #producer({ to, id, headers }: Outgoing, name: 'send' | 'create'): Span {
    const { context, propagation, trace, SpanKind } = this.#api
    const active = context.active()
    const isInside = trace.getSpan(active) !== undefined
    const attributes = {
      ...this.#attributes(to.name),
      ...operation(name, name),
      'messaging.message.id': id,
    }
    return this.#tracer.startSpan(
      `${name} ${to.name}`,
      { kind: SpanKind.PRODUCER, attributes },
      isInside ? active : propagation.extract(active, headers),
    )
  }

  #inject(message: Outgoing, span: Span): Outgoing {
    const { context, propagation, trace } = this.#api
    const added: { [name: string]: string } = {}
    propagation.inject(trace.setSpan(context.active(), span), added)
    if (Object.keys(added).length === 0) return message
    return { ...message, headers: { ...message.headers, ...added } }
  }

  #attributes(destination: string): Attributes {
    return { 'messaging.system': this.#system, 'messaging.destination.name': destination }
  }

  #end(span: Span, error: Error | undefined): void {
    if (error !== undefined) {
      span.recordException(error)
      span.setAttributes(errorType(error))
      span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: error.message })
    }
    span.end()
  }
}

/** A handler's span, and what is counted with it. */
interface Processing {
  readonly span: Span
  readonly parent: Context
  readonly attributes: Attributes
  readonly count: number
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

function operation(name: string, type: string): Attributes {
  return { 'messaging.operation.name': name, 'messaging.operation.type': type }
}

/** A code where there is one: there are few of them, as a metric's attribute wants. */
function errorType(error: Error): Attributes {
  const { code } = error as { code?: unknown }
  return { 'error.type': typeof code === 'string' ? code : error.name }
}

function firstError(results: readonly SendResult[]): Error | undefined {
  for (const result of results) if (!result.ok) return result.error
  return undefined
}
