/**
 * Messages as lines of JSON, as `export` writes and `import` reads them:
 *
 *     {"position":"12","id":"o-1","time":"…Z","key":"k","headers":{…},"body":"{\"total\":1}"}
 *
 * A body that is no text is base64, and `"encoding":"base64"` says so.
 */

import { closeSync, existsSync, ftruncateSync, openSync, readSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { usageFailure } from './failure.ts'

export interface MessageLine {
  readonly position: string
  readonly id: string
  readonly time: string
  readonly key?: string | undefined
  readonly headers?: { readonly [name: string]: string } | undefined
  readonly priority?: number | undefined
  readonly body: string
  readonly encoding?: 'base64' | undefined
}

/** Text where the bytes are UTF-8, else base64. */
export function bodyOf(bytes: Uint8Array): Pick<MessageLine, 'body' | 'encoding'> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = buffer.toString('utf8')
  if (Buffer.from(text, 'utf8').equals(buffer)) return { body: text }
  return { body: buffer.toString('base64'), encoding: 'base64' }
}

export function bytesOf({ body, encoding }: Pick<MessageLine, 'body' | 'encoding'>): Uint8Array {
  return new Uint8Array(Buffer.from(body, encoding === 'base64' ? 'base64' : 'utf8'))
}

/** Throws a usage failure that names the line. */
export function parseLine(text: string, number: number): MessageLine {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw usageFailure(`line ${number} is no JSON.`)
  }
  const line = value as Partial<MessageLine> | null
  if (typeof line !== 'object' || line === null || typeof line.body !== 'string') {
    throw usageFailure(`line ${number} has no “body” that is a text.`)
  }
  const { position = '', id = '', time = '', key, headers, priority, body, encoding } = line
  return { position, id, time, key, headers, priority, body, encoding }
}

/** What an earlier export has written to this file; half a line at its end is cut off. */
export async function exportedBefore(file: string): Promise<ReadonlySet<string>> {
  const positions = new Set<string>()
  if (!existsSync(file)) return positions
  cutHalfLine(file)
  const { createReadStream } = await import('node:fs')
  let number = 0
  for await (const text of createInterface({ input: createReadStream(file) })) {
    positions.add(parseLine(text, ++number).position)
  }
  return positions
}

function cutHalfLine(file: string): void {
  const handle = openSync(file, 'r+')
  try {
    const chunk = Buffer.alloc(64 * 1024)
    let length = 0
    let end = 0
    for (;;) {
      const read = readSync(handle, chunk, 0, chunk.length, length)
      if (read === 0) break
      const last = chunk.subarray(0, read).lastIndexOf(0x0a)
      if (last >= 0) end = length + last + 1
      length += read
    }
    if (end < length) ftruncateSync(handle, end)
  } finally {
    closeSync(handle)
  }
}
