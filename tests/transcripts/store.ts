/** The recorded transcripts: one file for each group, `amqp/queue.json` and so on. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryFolder } from '../harness/broker.ts'
import type { Exchange } from './perform.ts'

export interface Transcript {
  readonly scenario: string
  readonly exchanges: readonly Exchange[]
}

interface TranscriptFile {
  readonly recordedFrom: string
  readonly transcripts: readonly Transcript[]
}

const folder = join(repositoryFolder(), 'tests/transcripts/amqp')

export function writeTranscripts(recordedFrom: string, transcripts: readonly Transcript[]): void {
  mkdirSync(folder, { recursive: true })
  const groupOf = ({ scenario }: Transcript): string => scenario.split(':')[0] ?? 'other'
  for (const group of new Set(transcripts.map(groupOf))) {
    const some = transcripts.filter(each => groupOf(each) === group)
    const content: TranscriptFile = { recordedFrom, transcripts: some }
    writeFileSync(join(folder, `${group}.json`), `${JSON.stringify(content, null, 2)}\n`)
  }
}

export function readTranscripts(): Transcript[] {
  return readdirSync(folder)
    .sort()
    .flatMap(name => {
      const file: TranscriptFile = JSON.parse(readFileSync(join(folder, name), 'utf8'))
      return file.transcripts
    })
}
