/** A way to a broker that can be cut: every connection through it breaks. */

import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'

export interface Proxy {
  readonly port: number
  /** Breaks every connection. New ones are taken. */
  cut(): void
  /** From now on connections lead to this port: a broker that was started again. */
  leadTo(port: number): void
  close(): Promise<void>
}

export async function startProxy(targetPort: number): Promise<Proxy> {
  let target = targetPort
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const broker = connect(target, '127.0.0.1')
    const both = [client, broker] as const
    for (const socket of both) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        for (const other of both) other.destroy()
      })
    }
    client.pipe(broker)
    broker.pipe(client)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    leadTo: port => {
      target = port
    },
    close: async () => {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      cut()
      await closed
    },
  }
}
