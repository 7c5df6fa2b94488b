/**
 * Random commands on streams and groups, to us and to a real Redis 7.0; the replies are compared
 * byte for byte. Ids are given, so that only idle times and clocks have to be masked.
 */

import { connect, type Socket } from 'node:net'
import { SeededRandom } from '../../src/base/random.ts'
import { readReply } from '../../src/wire/resp/reply-reader.ts'

export interface Difference {
  readonly command: string
  readonly ours: string
  readonly theirs: string
  /** The commands before it, newest last. */
  readonly before: readonly string[]
}

class Wire {
  readonly #socket: Socket
  #bytes: Buffer = Buffer.alloc(0)
  #wake: () => void = () => {}

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('data', bytes => {
      this.#bytes = Buffer.concat([this.#bytes, bytes])
      this.#wake()
    })
  }

  async ask(batch: readonly (readonly string[])[]): Promise<string[]> {
    const text = batch.map(
      words =>
        `*${words.length}\r\n${words.map(word => `$${word.length}\r\n${word}\r\n`).join('')}`,
    )
    this.#socket.write(text.join(''), 'latin1')
    const replies: string[] = []
    let at = 0
    while (replies.length < batch.length) {
      const reply = readReply(this.#bytes, at)
      if (reply === undefined) {
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
        continue
      }
      replies.push(this.#bytes.toString('latin1', at, reply.end))
      at = reply.end
    }
    this.#bytes = this.#bytes.subarray(at)
    return replies
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** Whatever depends on the time of day is a star. */
function masked([name, sub]: readonly string[], reply: string): string {
  if (name === 'XPENDING') return reply.replace(/:\d+\r\n(:\d+\r\n)/g, ':*\r\n$1')
  if (sub === 'CONSUMERS') return reply.replace(/(idle\r\n):\d+/g, '$1:*')
  if (sub === 'STREAM') {
    return reply.replace(/:\d{13}\r\n/g, ':*\r\n').replace(/(radix-tree-nodes\r\n):\d+/, '$1:*')
  }
  return reply
}

export async function compare(
  ports: { readonly ours: number; readonly theirs: number },
  options: { readonly seed: number; readonly commands: number },
): Promise<Difference | undefined> {
  const random = new SeededRandom(options.seed)
  const ours = new Wire(ports.ours)
  const theirs = new Wire(ports.theirs)
  const start = [['FLUSHALL'], ['CONFIG', 'SET', 'stream-node-max-entries', '5']]
  start.push(['CONFIG', 'SET', 'stream-node-max-bytes', '0'])
  await Promise.all([ours.ask(start), theirs.ask(start)])
  const before: string[] = []
  try {
    for (let done = 0; done < options.commands; ) {
      const batch = Array.from({ length: 50 }, () => randomCommand(random))
      const [mine, real] = await Promise.all([ours.ask(batch), theirs.ask(batch)])
      for (const [index, words] of batch.entries()) {
        const one = masked(words, mine[index]!)
        const two = masked(words, real[index]!)
        const command = words.join(' ')
        if (one !== two) return { command, ours: one, theirs: two, before: before.slice(-200) }
        before.push(command)
      }
      done += batch.length
    }
    return undefined
  } finally {
    ours.close()
    theirs.close()
  }
}

function randomCommand(random: SeededRandom): string[] {
  const below = (count: number): number => random.uint32() % count
  const one = <T>(...choices: readonly T[]): T => choices[below(choices.length)]!
  const some = (words: readonly string[]): readonly string[] => (below(3) === 0 ? words : [])
  const key = one('a', 'b', 'c')
  const group = one('g', 'h')
  const consumer = one('x', 'y', 'z')
  const id = (): string =>
    one(`${below(30)}-${below(4)}`, `${below(30)}-${below(4)}`, `${below(30)}`, '0', 'bad', '0-0')
  const edge = (): string => one('-', '+', id(), `(${id()}`)
  const ids = (): string[] => Array.from({ length: 1 + below(3) }, id)
  const count = (): readonly string[] => some(['COUNT', String(below(5) - 1)])
  const trim = (): readonly string[] => {
    const approximate = below(3) === 0
    const sign = approximate ? ['~'] : some(['='])
    const limit = approximate ? some(['LIMIT', String(below(12))]) : []
    return below(2) === 0
      ? ['MAXLEN', ...sign, String(below(20)), ...limit]
      : ['MINID', ...sign, id(), ...limit]
  }
  switch (below(22)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      return [
        'XADD',
        key,
        ...some(['NOMKSTREAM']),
        ...some(trim()),
        one(id(), id(), `${below(40)}-*`),
        'f',
        'v',
      ]
    case 5:
      return ['XTRIM', key, ...trim()]
    case 6:
      return ['XDEL', key, ...ids()]
    case 7:
      return ['XRANGE', key, edge(), edge(), ...count()]
    case 8:
      return ['XREVRANGE', key, edge(), edge(), ...count()]
    case 9:
      return ['XREAD', ...count(), 'STREAMS', key, one(id(), '$', '>')]
    case 10:
    case 11:
      return [
        'XREADGROUP',
        'GROUP',
        group,
        consumer,
        ...count(),
        ...some(['NOACK']),
        'STREAMS',
        key,
        one('>', '>', id(), '$'),
      ]
    case 12:
      return ['XACK', key, group, ...ids()]
    case 13:
      return [
        'XCLAIM',
        key,
        group,
        consumer,
        '0',
        ...ids(),
        ...some(['JUSTID']),
        ...some(['FORCE']),
        ...some(['RETRYCOUNT', '3']),
        ...some(['LASTID', id()]),
      ]
    case 14:
      return ['XAUTOCLAIM', key, group, consumer, '0', edge(), ...count(), ...some(['JUSTID'])]
    case 15:
      return ['XPENDING', key, group, ...some([edge(), edge(), String(below(5))])]
    case 16:
      return [
        'XGROUP',
        'CREATE',
        key,
        group,
        one(id(), '$'),
        ...some(['MKSTREAM']),
        ...some(['ENTRIESREAD', String(below(9) - 2)]),
      ]
    case 17:
      return [
        'XGROUP',
        'SETID',
        key,
        group,
        one(id(), '$'),
        ...some(['ENTRIESREAD', String(below(9) - 2)]),
      ]
    case 18:
      return one(
        ['XGROUP', 'DELCONSUMER', key, group, consumer],
        ['XGROUP', 'CREATECONSUMER', key, group, consumer],
      )
    case 19:
      return one(
        ['XINFO', 'STREAM', key],
        ['XINFO', 'GROUPS', key],
        ['XINFO', 'CONSUMERS', key, group],
        ['XINFO', 'STREAM', key, 'FULL'],
      )
    case 20:
      return [
        'XSETID',
        key,
        id(),
        ...some(['ENTRIESADDED', String(below(40)), 'MAXDELETEDID', id()]),
      ]
    default:
      return one(
        ['XLEN', key],
        ['TYPE', key],
        ['EXISTS', key],
        below(8) === 0 ? ['DEL', key] : ['XLEN', key],
        below(6) === 0 ? ['XGROUP', 'DESTROY', key, group] : ['XLEN', key],
        below(6) === 0 ? ['RENAME', key, one('a', 'b', 'c')] : ['XLEN', key],
      )
  }
}
