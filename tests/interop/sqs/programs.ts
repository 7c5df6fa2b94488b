/** The order story through SDKs and tools of SQS, in five programs; see README.md. */

import { join } from 'node:path'
import { startSpillway } from '../../harness/broker.ts'
import { type Folders, go, java, python } from '../fetch.ts'
import { type Program, playStories } from '../stories.ts'
import type { Choice, Report, Suite } from '../suite.ts'

const programs: readonly Program[] = [
  { name: 'sqs-consumer', folder: 'node', prepare: node },
  { name: 'boto3', folder: 'python', prepare: python },
  { name: 'the AWS CLI', folder: 'cli', prepare: python },
  { name: 'the AWS SDK for Go', folder: 'go', prepare: go },
  { name: 'the AWS SDK for Java', folder: 'java', prepare: java },
]

/** What each of them must see. */
const story = {
  sent: 20,
  duplicate: true,
  handled: 19,
  in_order: true,
  attributes: true,
  poisoned: 3,
  dead: [7, true],
  back: 7,
  left: [0, 0],
  error: 'QueueDoesNotExist',
}

export const sqsPrograms: Suite = { name: 'sqs/programs', run }

/** The CLI starts Python for each of its forty requests. */
const playMs = 180_000

async function run(report: Report, choice: Choice): Promise<void> {
  if (choice.peers) report.missing('Amazon SQS', 'it is a service, and cannot be installed')
  const brokers = choice.spillway ? [() => startSpillway()] : []
  const stories = { protocol: 'sqs', programs, story, playMs, brokers } as const
  await playStories(
    { ...stories, address: ({ host, sqsPort }) => [`http://${host}:${sqsPort}`] },
    report,
    choice,
  )
}

/** Its packages are development dependencies. */
async function node({ source }: Folders): Promise<readonly string[]> {
  return [process.execPath, join(source, 'story.mjs')]
}
