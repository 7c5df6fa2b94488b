/**
 * The PROXY protocol, both versions: what a load balancer says about the client before the client's
 * own first byte (HAProxy's proxy-protocol.txt, sections 2.1 and 2.2).
 *
 *     version 1    PROXY TCP4 192.0.2.1 198.51.100.7 51234 5672\r\n          at most 107 bytes
 *     version 2    0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A  command family length:u16  addresses  TLVs
 */

export interface ProxyHeader {
  /** Its bytes; the client's own begin behind them. */
  readonly length: number
  /** Undefined when the balancer speaks for itself, as it does to see whether we are alive. */
  readonly ends: { readonly peer: ProxyEnd; readonly local: ProxyEnd } | undefined
}

export interface ProxyEnd {
  readonly address: string
  readonly port: number
}

const signature = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10)
const prefix = Uint8Array.of(80, 82, 79, 88, 89, 32)
const lineBytesMax = 107
const fixedBytes = 16
/** Addresses and TLVs; more than any balancer says. */
const bodyBytesMax = 4096

/** The header at the beginning: 'more' when it is not whole yet, 'wrong' when it is none. */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader | 'more' | 'wrong' {
  if (startsAlike(bytes, signature)) return readBinary(bytes)
  if (startsAlike(bytes, prefix)) return readLine(bytes)
  return 'wrong'
}

/** As far as there are bytes. */
function startsAlike(bytes: Uint8Array, expected: Uint8Array): boolean {
  const count = Math.min(bytes.length, expected.length)
  for (let at = 0; at < count; at++) if (bytes[at] !== expected[at]) return false
  return true
}

function readLine(bytes: Uint8Array): ProxyHeader | 'more' | 'wrong' {
  const line = String.fromCharCode(...bytes.subarray(0, lineBytesMax))
  const end = line.indexOf('\r\n')
  if (end < 0) return bytes.length < lineBytesMax ? 'more' : 'wrong'
  const length = end + 2
  const [, family, peer, local, peerPort, localPort, ...rest] = line.slice(0, end).split(' ')
  if (family === 'UNKNOWN') return { length, ends: undefined }
  if ((family !== 'TCP4' && family !== 'TCP6') || rest.length > 0) return 'wrong'
  const ends = { peer: endOf(peer, peerPort), local: endOf(local, localPort) }
  if (ends.peer === undefined || ends.local === undefined) return 'wrong'
  return { length, ends: { peer: ends.peer, local: ends.local } }
}

function endOf(address: string | undefined, port: string | undefined): ProxyEnd | undefined {
  if (address === undefined || !/^[\d.]+$|^[\da-fA-F:.]*:[\da-fA-F:.]*$/.test(address))
    return undefined
  if (port === undefined || !/^\d{1,5}$/.test(port) || Number(port) > 65_535) return undefined
  return { address, port: Number(port) }
}

function readBinary(bytes: Uint8Array): ProxyHeader | 'more' | 'wrong' {
  if (bytes.length < fixedBytes) return 'more'
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [command, family, bodyBytes] = [view.getUint8(12), view.getUint8(13), view.getUint16(14)]
  if (bodyBytes > bodyBytesMax) return 'wrong'
  const length = fixedBytes + bodyBytes
  if (bytes.length < length) return 'more'
  if (command === 0x20) return { length, ends: undefined }
  if (command !== 0x21) return 'wrong'
  const addressBytes = family === 0x11 ? 4 : family === 0x21 ? 16 : 0
  if (bodyBytes < addressBytes * 2 + (addressBytes > 0 ? 4 : 0)) return 'wrong'
  // A family that is not TCP's has no address that we could show.
  if (addressBytes === 0) return { length, ends: undefined }
  const localAt = fixedBytes + addressBytes
  const portsAt = localAt + addressBytes
  const end = (at: number, portAt: number): ProxyEnd => {
    const address = bytes.subarray(at, at + addressBytes)
    return { address: printAddress(address), port: view.getUint16(portAt) }
  }
  return { length, ends: { peer: end(fixedBytes, portsAt), local: end(localAt, portsAt + 2) } }
}

function printAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups: string[] = []
  for (let at = 0; at < 16; at += 2) groups.push(((bytes[at]! << 8) | bytes[at + 1]!).toString(16))
  // The shortest form, by the same rules as everywhere.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
