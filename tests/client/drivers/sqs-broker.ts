/** What the tests of the driver for SQS share. */

import type { TestBroker } from '../../../src/harness/testing.ts'

/** A consumer that stops waits for its poll, so polls are short here. */
export function sqsUrl(broker: TestBroker, waitSeconds = 1): string {
  const at = broker.urls.sqs.replace('http://', 'sqs://key:secret@')
  return `${at}?region=eu-central-1&wait=${waitSeconds}`
}
