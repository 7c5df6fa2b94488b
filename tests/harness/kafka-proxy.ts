/**
 * A proxy in front of a Kafka broker that knows requests: it can lose one, or its answer, and tells
 * when it has. The broker must tell its clients the proxy's address (`advertised`).
 */

import { createConnection, createServer, type Socket } from 'node:net'

export interface KafkaRequest {
  readonly clientId: string
  readonly apiKey: number
  /** Ends the connection, without a goodbye. */
  cut(): void
}

/** `lose`: the broker never sees it. `lose-answer`: the broker has done it, and nobody hears. */
export type Fate = 'pass' | 'lose' | 'lose-answer'

export interface KafkaProxy {
  readonly port: number
  /** Where connections go from now on. */
  upstreamPort: number
  /** Asked for each request. */
  fate: (request: KafkaRequest) => Fate
  /** What was to be lost is lost. The connection hangs until it is cut. */
  lost: (request: KafkaRequest) => void
  cutAll(): void
  close(): Promise<void>
}

export const apiKeys = {
  produce: 0,
  fetch: 1,
  offsetCommit: 8,
  joinGroup: 11,
  heartbeat: 12,
  syncGroup: 14,
  initProducerId: 22,
  addPartitions: 24,
  addOffsets: 25,
  endTransaction: 26,
  commitInTransaction: 28,
} as const

export async function startKafkaProxy(): Promise<KafkaProxy> {
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const upstream = createConnection({ host: '127.0.0.1', port: proxy.upstreamPort })
    const cut = (): void => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', cut)
      socket.on('close', () => {
        sockets.delete(socket)
        cut()
      })
    }
    relay(proxy, client, upstream, cut)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const proxy: KafkaProxy = {
    port,
    upstreamPort: 0,
    fate: () => 'pass',
    lost: () => {},
    cutAll: () => {
      for (const socket of sockets) socket.destroy()
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
  return proxy
}

function relay(proxy: KafkaProxy, client: Socket, upstream: Socket, cut: () => void): void {
  let isHanging = false
  /** Answers come in the order of the requests; these are how many are to come before the end. */
  let answersLeft = Number.POSITIVE_INFINITY
  let lastRequest: KafkaRequest | undefined
  let unanswered = 0
  frames(client, frame => {
    if (isHanging) return
    const clientIdLength = frame.readInt16BE(12)
    const clientId = frame.toString('utf8', 14, 14 + Math.max(0, clientIdLength))
    const request = { clientId, apiKey: frame.readInt16BE(4), cut }
    const fate = proxy.fate(request)
    if (fate === 'lose') {
      isHanging = true
      proxy.lost(request)
      return
    }
    unanswered++
    if (fate === 'lose-answer') {
      isHanging = true
      answersLeft = unanswered
      lastRequest = request
    }
    upstream.write(frame)
  })
  frames(upstream, frame => {
    unanswered--
    answersLeft--
    if (answersLeft > 0 || lastRequest === undefined) client.write(frame)
    else if (answersLeft === 0) proxy.lost(lastRequest)
  })
}

/** Whole frames, each with its length of four bytes. */
function frames(socket: Socket, take: (frame: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0)
      take(rest.subarray(0, end))
      rest = rest.subarray(end)
    }
  })
}
