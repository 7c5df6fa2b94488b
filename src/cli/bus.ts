/** How commands reach a backend through the client: `--url memory:`, `file:FOLDER`, … */

import {
  type Bus,
  ClientError,
  connect,
  type Queue,
  queue,
  type Topic,
  topic,
} from '../client/client.ts'
import { CommandFailure, type ExitCode, exitCodes, usageFailure } from './failure.ts'

/** Other URLs than the admin API's are the client's. */
export function isClientUrl(url: string): boolean {
  return !/^https?:/i.test(url)
}

/** Runs on a bus, and says what went wrong as commands say it. */
export async function withBus<T>(
  url: string,
  { flag = '--url' }: { readonly flag?: string },
  run: (bus: Bus) => Promise<T>,
): Promise<T> {
  if (!isClientUrl(url)) {
    throw usageFailure(`${flag} is a backend here, such as file:./data, not an admin API.`)
  }
  try {
    const bus = await connect(url, { name: 'spillway', emulate: 'allow' })
    try {
      return await run(bus)
    } finally {
      await bus.close()
    }
  } catch (error) {
    throw asFailure(error)
  }
}

/** A queue that is known by its name only. */
export function queueNamed(name: string, { keyed }: { readonly keyed: boolean }): Queue<unknown> {
  try {
    return keyed ? queue<unknown>(name, { key: () => '' }) : queue<unknown>(name)
  } catch (error) {
    throw asFailure(error)
  }
}

/** A topic that is known by its name only. */
export function topicNamed(name: string): Topic<unknown> {
  try {
    return topic<unknown>(name)
  } catch (error) {
    throw asFailure(error)
  }
}

export function asFailure(error: unknown): unknown {
  if (!(error instanceof ClientError)) return error
  const text = error.message.replace(`${error.code}  `, '')
  return new CommandFailure(error.code, text, exitCodeOf(error.code))
}

function exitCodeOf(code: string): ExitCode {
  if (code.startsWith('SPILLWAY_U_')) return exitCodes.unsupported
  const isMissing = code === 'SPILLWAY_E_NOT_FOUND' || code === 'SPILLWAY_E_GROUP'
  return isMissing ? exitCodes.notFound : exitCodes.error
}
