/**
 * Names of queues in their forms: the log's name, the URL, the ARN. A queue is found by the last
 * part of either, whatever host, region and account are before it.
 */

import { fail, invalidValue } from './errors.ts'
import { limits } from './limits.ts'

export interface Place {
  readonly account: string
  readonly region: string
}

/** `http://host:port/account/name`, and what others make of it, or the name alone. */
export function nameOfUrl(url: string): string {
  const known = namesOfUrls.get(url)
  if (known !== undefined) return known
  const name = readName(url)
  if (namesOfUrls.size >= limits.urlsKnownMax) namesOfUrls.clear()
  namesOfUrls.set(url, name)
  return name
}

/** Clients name a few queues again and again. */
const namesOfUrls = new Map<string, string>()

function readName(url: string): string {
  const path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '').split(/[?#]/)[0]!
  const last = path.replace(/\/+$/, '').split('/').pop() ?? ''
  if (last === '') {
    fail('QueueDoesNotExist', `The specified queue URL is not valid: ${url}`)
  }
  try {
    return decodeURIComponent(last)
  } catch {
    return last
  }
}

export function urlOf(base: string, account: string, name: string): string {
  return `${base}/${account}/${encodeURIComponent(name)}`
}

export function arnOf({ account, region }: Place, name: string): string {
  return `arn:aws:sqs:${region}:${account}:${name}`
}

/** Undefined: it is no ARN of a queue. */
export function nameOfArn(arn: string): string | undefined {
  return /^arn:aws[a-z-]*:sqs:[^:]*:[^:]*:([^:]+)$/.exec(arn)?.[1]
}

export function checkQueueName(name: string, fifo: boolean): void {
  const stem = fifo ? name.replace(/\.fifo$/, '') : name
  const good = /^[A-Za-z0-9_-]+$/.test(stem) && name.length <= limits.queueNameMax
  if (fifo && (!good || stem === name)) {
    fail(
      'InvalidParameterValueException',
      'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, ' +
        'must end with .fifo suffix and be 1 to 80 in length.',
    )
  }
  if (!good) {
    fail(
      'InvalidParameterValueException',
      'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
    )
  }
}

/** Group ids and deduplication ids. */
export function checkId(parameter: string, id: string): void {
  if (/^[\x21-\x7e]{1,128}$/.test(id)) return
  const reason = `${parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length.`
  invalidValue(parameter, id, reason)
}
