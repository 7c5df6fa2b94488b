/**
 * Where SQS is, from the URL:
 *
 * ```
 * sqs:                                    AWS; region and credentials as the SDK finds them
 * sqs:?region=eu-central-1                AWS in that region
 * sqs://localhost:9324?region=eu-west-1   another server; plain HTTP, because it names a port
 * sqs://KEY:SECRET@queues.example:443     another server, over TLS, with these credentials
 * ```
 *
 * `tls=true` or `tls=false` decides where the port does not. Another server than AWS often checks
 * no credentials: where the SDK finds none, any are sent. `wait=20` is how many seconds a poll
 * waits for messages, up to 20: longer ones are fewer, and are paid for one by one; shorter ones
 * are over sooner when a consumer stops. With `wait=0` they do not wait at all, and come 20 times a
 * second: for tests on a server of one's own, which unlike AWS looks everywhere all the same.
 */

import { SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs'
import { ClientError } from '../../errors.ts'
import { backend } from './errors.ts'

type Credentials = Awaited<ReturnType<SQSClient['config']['credentials']>>

const parameters = ['region', 'tls', 'wait']
const waitDefault = 2
const waitMax = 20
const elsewhereRegion = 'us-east-1'
const awsHost = /^sqs\.([a-z0-9-]+)\.amazonaws\.com$/
const anyCredentials = { accessKeyId: 'spillway', secretAccessKey: 'spillway' }
/** A long poll holds its connection; sends must not wait behind them. */
const socketsMax = 1000
/**
 * Idle connections are closed before a server would: a send that runs into its end is lost, or not,
 * and must not be made again.
 */
const idleMs = 4000

/** Throws `SPILLWAY_E_URL`. The client makes no attempt twice: `Requests` decides that. */
export async function openClient(address: Address): Promise<SQSClient> {
  const { url, endpoint, region, credentials } = address
  const common: SQSClientConfig = {
    maxAttempts: 1,
    // Nothing is changed for one request alone, so each kind's way through the SDK is found once.
    cacheMiddleware: true,
    requestHandler: {
      httpAgent: { keepAlive: true, maxSockets: socketsMax, timeout: idleMs },
      httpsAgent: { keepAlive: true, maxSockets: socketsMax, timeout: idleMs },
    },
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
  }
  if (endpoint === undefined) {
    const client = unlogged(new SQSClient(common))
    await client.config.region().catch(cause => {
      client.destroy()
      throw wrongUrl(url, 'no region is known', cause)
    })
    return client
  }
  const found = region ?? (await regionOfEnvironment())
  const client = new SQSClient({
    ...common,
    endpoint,
    region: found,
    credentials: credentials ?? (() => credentialsOrAny(found)),
    // What the server calls itself in the URLs of its queues may not be reachable from here.
    useQueueUrlAsEndpoint: false,
  })
  return unlogged(client)
}

/** Nobody reads a log of it; to prepare each request and answer for one costs a tenth of them. */
function unlogged(client: SQSClient): SQSClient {
  client.middlewareStack.removeByTag('LOGGER')
  return client
}

export interface Address {
  readonly url: string
  readonly endpoint: string | undefined
  readonly region: string | undefined
  readonly credentials: Credentials | undefined
  readonly waitSeconds: number
}

/** Throws `SPILLWAY_E_URL`. */
export function parseUrl(url: string): Address {
  let parsed: URL
  try {
    // The scheme is not one of the web's, so its host would be taken as it is, unchecked.
    parsed = new URL(url.replace(/^sqs:(\/\/)?/i, (_, slashes) => `http:${slashes ?? '//aws/'}`))
  } catch (cause) {
    throw wrongUrl(url, 'it cannot be read', cause)
  }
  const hasHost = /^sqs:\/\//i.test(url)
  const { searchParams, username, password, pathname } = parsed
  for (const name of searchParams.keys()) {
    if (!parameters.includes(name)) throw wrongUrl(url, `nothing is called ${name}`)
  }
  if (pathname !== '/' && pathname !== '') throw wrongUrl(url, 'it has a path')
  const region = searchParams.get('region') ?? awsHost.exec(parsed.hostname)?.[1]
  const credentials =
    username === ''
      ? undefined
      : {
          accessKeyId: decodeURIComponent(username),
          secretAccessKey: decodeURIComponent(password),
        }
  const waitSeconds = Number(searchParams.get('wait') ?? waitDefault)
  if (!Number.isInteger(waitSeconds) || waitSeconds < 0 || waitSeconds > waitMax) {
    throw wrongUrl(url, `wait is a number of seconds from 0 to ${waitMax}`)
  }
  const common = { url, region, credentials, waitSeconds }
  if (!hasHost) return { ...common, endpoint: undefined }
  const scheme = isSecure(url, parsed) ? 'https' : 'http'
  // The port was read as one of plain HTTP, whose 80 goes without saying.
  const port = parsed.port === '' && scheme === 'https' && /:80(?![0-9])/.test(url) ? ':80' : ''
  return { ...common, endpoint: `${scheme}://${parsed.host}${port}` }
}

function isSecure(url: string, { searchParams, port, hostname }: URL): boolean {
  const tls = searchParams.get('tls')
  if (tls !== null && tls !== 'true' && tls !== 'false') {
    throw wrongUrl(url, 'tls is true or false')
  }
  if (tls !== null) return tls === 'true'
  const isHere = hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'
  return port === '443' || (port === '' && !isHere)
}

/** What the SDK finds in the environment and in profiles; it asks when it is first needed. */
async function credentialsOrAny(region: string): Promise<Credentials> {
  const asking = new SQSClient({ region })
  try {
    return await asking.config.credentials()
  } catch {
    return anyCredentials
  } finally {
    asking.destroy()
  }
}

async function regionOfEnvironment(): Promise<string> {
  const asking = new SQSClient({})
  try {
    return await asking.config.region()
  } catch {
    return elsewhereRegion
  } finally {
    asking.destroy()
  }
}

function wrongUrl(url: string, why: string, cause?: unknown): ClientError {
  const shown = url.replace(/\/\/[^@/]*@/, '//***@')
  return new ClientError({
    code: 'SPILLWAY_E_URL',
    backend,
    why: `“${shown}” is no URL of SQS: ${why}.`,
    alternatives: ['sqs:?region=eu-central-1', 'sqs://localhost:9324', 'AWS_REGION'],
    cause,
  })
}
