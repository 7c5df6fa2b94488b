/** Which queues this account may see, by their names on SQS. */

import { ListQueuesCommand } from '@aws-sdk/client-sqs'
import type { Listed, Listing } from '../../driver.ts'
import type { Requests } from './requests.ts'

const pageSize = 1000
const foundMax = 10_000

export async function listQueues(requests: Requests): Promise<Listing> {
  const found: Listed[] = []
  let token: string | undefined
  do {
    const input = { MaxResults: pageSize, NextToken: token }
    const { QueueUrls = [], NextToken } = await requests.call(
      client => client.send(new ListQueuesCommand(input)),
      { about: 'ListQueues', isRepeatable: true },
    )
    for (const url of QueueUrls) {
      const name = url.slice(url.lastIndexOf('/') + 1)
      found.push({ kind: 'queue', name, keyed: name.endsWith('.fifo'), options: {} })
    }
    token = NextToken
  } while (token !== undefined && found.length < foundMax)
  found.sort((left, right) => (left.name < right.name ? -1 : 1))
  const notes =
    token === undefined ? [] : [`There are more than these ${found.length}: name the others.`]
  return { found, notes }
}
