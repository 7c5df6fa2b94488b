/**
 * Consumers of one group on raw sockets: each asks for as many single entries as its pipeline is
 * deep, acknowledges all of them, and begins again until the stream is read.
 */

import { connect, type Socket } from 'node:net'
import type { LoadResult } from './specification.ts'
import { startStopwatch } from './stopwatch.ts'

export interface GroupLoad {
  readonly port: number
  readonly clients: number
  readonly pipeline: number
  readonly entries: number
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map(word => `$${word.length}\r\n${word}\r\n`).join('')}`
}

/** Lines of a reply with one entry of one field, and the line that is its id. */
const entryLines = 13
const idLine = 7

export async function runGroupLoad(load: GroupLoad): Promise<LoadResult> {
  await fill(load)
  const done = startStopwatch()
  const consumers = Array.from({ length: load.clients }, (_, at) => new Consumer(load, `c${at}`))
  const counts = await Promise.all(consumers.map(consumer => consumer.finished))
  return done(counts.reduce((sum, count) => sum + count, 0))
}

/** A new stream with all entries, and a group that has read none. */
function fill({ port, entries }: GroupLoad): Promise<void> {
  const commands = [encode(['DEL', 'bench'])]
  const add = encode(['XADD', 'bench', '*', 'field', 'x'.repeat(20)])
  for (let count = 0; count < entries; count++) commands.push(add)
  commands.push(encode(['XGROUP', 'CREATE', 'bench', 'g', '0']))
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', reject)
    let tail = ''
    socket.on('data', bytes => {
      tail = (tail + bytes.toString('latin1')).slice(-64)
      if (!tail.endsWith('+OK\r\n')) return
      socket.destroy()
      resolve()
    })
    socket.write(commands.join(''))
  })
}

class Consumer {
  readonly finished: Promise<number>
  readonly #socket: Socket
  readonly #load: GroupLoad
  readonly #read: string
  #isReading = true
  #replies = 0
  #lines = 0
  #isEmpty = false
  #start = ''
  #ids: string[] = []
  #count = 0
  #resolve: (count: number) => void = () => {}

  constructor(load: GroupLoad, name: string) {
    this.#load = load
    const read = ['XREADGROUP', 'GROUP', 'g', name, 'COUNT', '1', 'STREAMS', 'bench', '>']
    this.#read = encode(read).repeat(load.pipeline)
    this.#socket = connect({ port: load.port, host: '127.0.0.1', noDelay: true })
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#socket.on('error', reject)
    })
    this.#socket.on('data', bytes => this.#take(bytes.toString('latin1')))
    this.#socket.write(this.#read)
  }

  #take(text: string): void {
    let at = 0
    while (true) {
      const end = text.indexOf('\r\n', at)
      if (end < 0) break
      this.#line(this.#start + text.slice(at, end))
      this.#start = ''
      at = end + 2
    }
    this.#start += text.slice(at)
  }

  #line(line: string): void {
    if (!this.#isReading) {
      this.#replied()
      return
    }
    if (this.#lines === idLine) this.#ids.push(line)
    const isNull = this.#lines === 0 && line === '*-1'
    if (isNull) this.#isEmpty = true
    if (!isNull && ++this.#lines < entryLines) return
    this.#lines = 0
    this.#replied()
  }

  #replied(): void {
    const expected = this.#isReading ? this.#load.pipeline : this.#ids.length
    if (++this.#replies < expected) return
    this.#replies = 0
    if (this.#isReading && this.#ids.length > 0) {
      this.#isReading = false
      this.#socket.write(this.#ids.map(id => encode(['XACK', 'bench', 'g', id])).join(''))
      return
    }
    this.#count += this.#ids.length
    this.#ids = []
    this.#isReading = true
    if (!this.#isEmpty) this.#socket.write(this.#read)
    else {
      this.#socket.destroy()
      this.#resolve(this.#count)
    }
  }
}
