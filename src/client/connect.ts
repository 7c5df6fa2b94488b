/** From a URL to a bus. A driver's code is loaded when its scheme is first used. */

import type { Clock, Random } from '../engine/ports.ts'
import { systemClock } from '../platform/clock.ts'
import { systemRandom } from '../platform/random.ts'
import { type Duration, toMs } from './backoff.ts'
import { Bus } from './bus.ts'
import { cloudEventsDriver } from './cloud-events.ts'
import type { BusEvent, OpenDriver } from './driver.ts'
import { ClientError } from './errors.ts'
import { openTelemetry } from './opentelemetry.ts'
import { Session } from './session.ts'

export interface ConnectOptions {
  /** The application's name, as the backend shows it. Default `spillway`. */
  readonly name?: string | undefined
  /** What to do where the backend lacks a feature that can be emulated. Default `warn`. */
  readonly emulate?: 'allow' | 'warn' | 'refuse' | undefined
  /** How long a send waits for its confirm. Default 10 s. */
  readonly confirmTimeout?: Duration | undefined
  /** Messages and bytes that may wait for confirms. Default 10,000 and 64 MiB. */
  readonly buffer?:
    | { readonly count?: number | undefined; readonly bytes?: number | undefined }
    | undefined
  /** Failures of messages, lost connections, emulations. Default: nobody is told. */
  readonly onEvent?: ((event: BusEvent) => void) | undefined
  /**
   * Spans, metrics and trace headers where the package `@opentelemetry/api` is installed and an SDK
   * was registered before. Default true.
   */
  readonly telemetry?: boolean | undefined
  /**
   * `cloudevents`: messages carry the attributes of CloudEvents 1.0 beside our own headers, and
   * those of other producers are read. Default `spillway`: our own alone.
   */
  readonly headers?: 'spillway' | 'cloudevents' | undefined
  /** Further drivers by scheme, beside or in place of our own. */
  readonly drivers?: { readonly [scheme: string]: OpenDriver } | undefined
  /** For tests. */
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

/** One scheme: where its driver is, and the npm package that the driver needs. */
interface Scheme {
  readonly load: () => Promise<{ readonly openDriver: OpenDriver }>
  readonly needs: string | undefined
}

const embedded: Scheme = {
  load: () => import('./drivers/embedded/driver.ts'),
  needs: undefined,
}

const kafka: Scheme = {
  load: () => import('./drivers/kafka/driver.ts'),
  needs: '@platformatic/kafka',
}

const rabbitmq: Scheme = {
  load: () => import('./drivers/rabbitmq/driver.ts'),
  needs: 'rabbitmq-client',
}

const redis: Scheme = {
  load: () => import('./drivers/redis/driver.ts'),
  needs: '@redis/client',
}

/** Add a backend here, and its row to tests/tidy/boundaries.ts. */
const schemes: { readonly [scheme: string]: Scheme } = {
  memory: embedded,
  file: embedded,
  kafka,
  kafkas: kafka,
  'kafka+ssl': kafka,
  amqp: rabbitmq,
  amqps: rabbitmq,
  redis,
  rediss: redis,
  sqs: { load: () => import('./drivers/sqs/driver.ts'), needs: '@aws-sdk/client-sqs' },
}

/**
 * Connects to `memory:`, `file:FOLDER`, or the URL of a broker.
 *
 *     await using bus = await connect('memory:', { name: 'shop' })
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Bus> {
  const { name = 'spillway', emulate = 'warn', confirmTimeout = '10s', buffer = {} } = options
  const { onEvent, clock = systemClock, random = systemRandom } = options
  const openDriver = await findDriver(url, options.drivers ?? {})
  const context = { clock, random, name, emit: (event: BusEvent) => onEvent?.(event) }
  const opened = await openDriver(url, context)
  const now = () => clock.now()
  const driver =
    options.headers === 'cloudevents' ? cloudEventsDriver(opened, { source: name, now }) : opened
  const { count = 10_000, bytes = 64 * 1024 * 1024 } = buffer
  const confirmMs = toMs(confirmTimeout)
  const settings = { name, emulate, confirmMs, bufferCount: count, bufferBytes: bytes }
  const { telemetry = true } = options
  const observer = telemetry ? await openTelemetry(driver.backend, clock) : undefined
  return new Bus(new Session(driver, context, settings, observer))
}

async function findDriver(
  url: string,
  own: { readonly [scheme: string]: OpenDriver },
): Promise<OpenDriver> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  if (scheme === undefined) throw unknownScheme(url, own)
  if (Object.hasOwn(own, scheme)) return own[scheme]!
  const known = Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined
  if (known === undefined) throw unknownScheme(`${scheme}:`, own)
  try {
    return (await known.load()).openDriver
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    if (known.needs === undefined) throw cause
    const why = `${scheme}:// needs the package ${known.needs}: npm i ${known.needs}`
    throw new ClientError({ code: 'SPILLWAY_E_PACKAGE', backend: scheme, why, cause })
  }
}

function unknownScheme(url: string, own: { readonly [scheme: string]: OpenDriver }): ClientError {
  const all = [...Object.keys(schemes), ...Object.keys(own)].map(name => `${name}:`)
  return new ClientError({
    code: 'SPILLWAY_E_URL',
    why: `“${url}” is no URL of a backend.`,
    alternatives: all,
  })
}
