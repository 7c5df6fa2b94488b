/** Lists of queues, in pages when a size is asked for. */

import type { Request } from '../connection.ts'
import { fail, invalidValue } from '../errors.ts'
import { limits } from '../limits.ts'
import { urlOf } from '../names.ts'

interface Page {
  readonly NextToken?: string | undefined
  readonly MaxResults?: number | undefined
}

export function listQueues(
  request: Request,
  input: Page & { readonly QueueNamePrefix?: string | undefined },
) {
  const prefix = input.QueueNamePrefix ?? ''
  const names = request.broker.names().filter(name => name.startsWith(prefix))
  const { urls, NextToken } = page(request, names, input)
  return { ...(urls.length > 0 ? { QueueUrls: urls } : {}), ...NextToken }
}

export function listSources(
  request: Request,
  input: Page & { readonly QueueUrl?: string | undefined },
) {
  const { name } = request.broker.queue(request.queueName(input.QueueUrl))
  const names = request.broker.sourcesOf(name).map(source => source.name)
  const { urls, NextToken } = page(request, names, input)
  return { queueUrls: urls, ...NextToken }
}

/** A token holds the last name of the page before. */
function page(request: Request, names: readonly string[], { NextToken, MaxResults }: Page) {
  if (MaxResults !== undefined && (MaxResults < 1 || MaxResults > limits.pageMax)) {
    const reason = 'MaxResults must be an integer between 1 and 1000, if provided.'
    invalidValue('MaxResults', MaxResults, reason)
  }
  if (NextToken !== undefined && MaxResults === undefined) {
    fail(
      'InvalidParameterValueException',
      'MaxResults is a mandatory parameter when you provide a value for NextToken.',
    )
  }
  const after = NextToken === undefined ? undefined : decodeToken(NextToken)
  const sorted = [...names].sort()
  const rest = after === undefined ? sorted : sorted.filter(name => name > after)
  const shown = rest.slice(0, MaxResults ?? limits.pageMax)
  const urls = shown.map(name => urlOf(request.baseUrl, request.broker.place.account, name))
  const more = MaxResults !== undefined && rest.length > shown.length
  return { urls, NextToken: more ? { NextToken: btoa(encodeURIComponent(shown.at(-1)!)) } : {} }
}

function decodeToken(token: string): string {
  try {
    return decodeURIComponent(atob(token))
  } catch {
    return fail('InvalidParameterValueException', 'Invalid or expired next token.')
  }
}
