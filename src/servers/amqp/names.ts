/**
 * Names: those of RabbitMQ's virtual hosts in the engine's one name space, those that we make up,
 * and a memory of bytes that have been decoded before.
 *
 * The default virtual host `/` uses plain names, so that other protocols see the same queue under
 * the same name. Another one puts itself in front, between two NULs, which no sane name contains.
 */

import { encodeUtf8, noBytes } from '../../base/bytes.ts'
import type { Random } from '../../engine/ports.ts'
import { decodeText } from '../../wire/amqp/text.ts'
import { limits } from './limits.ts'

export const defaultVhost = '/'
export const replyQueue = 'amq.rabbitmq.reply-to'
export const replyPrefix = 'amq.rabbitmq.reply-to.'

/** What comes before every engine name of this virtual host. */
export function prefixOf(vhost: string): string {
  return vhost === defaultVhost ? '' : `\u0000${vhost}\u0000`
}

/** The engine's name of a queue or exchange. The default exchange is the same one everywhere. */
export function engineName(vhost: string, name: string): string {
  return vhost === defaultVhost || name === '' ? name : prefixOf(vhost) + name
}

/** Back from the engine's name; undefined when it belongs to another virtual host. */
export function nameIn(vhost: string, name: string): string | undefined {
  if (vhost === defaultVhost) return name.startsWith('\u0000') ? undefined : name
  const prefix = prefixOf(vhost)
  return name.startsWith(prefix) ? name.slice(prefix.length) : undefined
}

/** RabbitMQ takes line ends out of the names of queues and exchanges. */
export function stripLineEnds(name: string): string {
  return /[\r\n]/.test(name) ? name.replaceAll(/[\r\n]/g, '') : name
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** 128 random bits in 22 characters. */
export function randomToken(random: Random): string {
  const words = [random.uint32(), random.uint32(), random.uint32(), random.uint32()]
  let token = ''
  let bits = 0
  let have = 0
  let next = 0
  for (let index = 0; index < 22; index++) {
    while (have < 6 && next < 16) {
      bits = ((bits << 8) | ((words[next >> 2]! >>> (24 - 8 * (next & 3))) & 0xff)) & 0xffff
      have += 8
      next++
    }
    const sextet = have >= 6 ? (bits >>> (have - 6)) & 63 : (bits << (6 - have)) & 63
    have = Math.max(0, have - 6)
    token += alphabet[sextet]
  }
  return token
}

/** A name that was seen on the wire: its octets, which nobody changes, and their text. */
export interface Name {
  readonly bytes: Uint8Array
  readonly text: string
  /** Whether it is the address of a reply consumer. */
  readonly isReply: boolean
}

export const emptyName: Name = { bytes: noBytes, text: '', isReply: false }

/**
 * Names of the wire, decoded and copied once while the same few come again and again. A slot is
 * chosen by the length and four of the octets; a collision only costs decoding again.
 */
export class NameMemory {
  readonly #slots: (Name | undefined)[] = new Array(limits.namesRemembered).fill(undefined)

  find(bytes: Uint8Array, start: number, end: number): Name {
    const length = end - start
    if (length === 0) return emptyName
    const hash =
      length +
      bytes[start]! * 3 +
      bytes[start + (length >> 1)]! * 7 +
      bytes[end - 1]! * 13 +
      (length > 1 ? bytes[end - 2]! * 31 : 0)
    const slot = hash & (limits.namesRemembered - 1)
    const known = this.#slots[slot]
    if (known !== undefined && known.bytes.length === length) {
      let index = 0
      while (index < length && known.bytes[index] === bytes[start + index]) index++
      if (index === length) return known
    }
    const copy = bytes.slice(start, end)
    const text = decodeText(copy)
    const name = { bytes: copy, text, isReply: text.startsWith(replyPrefix) }
    this.#slots[slot] = name
    return name
  }
}

/** A short string as it stands in a frame: its length, then its octets. */
export function shortStringBytes(text: string): Uint8Array {
  const bytes = encodeUtf8(text)
  const result = new Uint8Array(bytes.length + 1)
  result[0] = bytes.length
  result.set(bytes, 1)
  return result
}

/** An address as RabbitMQ shows it. */
export function hostPort(at: { readonly address: string; readonly port: number }): string {
  const host = plainAddress(at.address)
  return host.includes(':') ? `[${host}]:${at.port}` : `${host}:${at.port}`
}

/** Without what a socket that listens for both puts before an IPv4 address. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:/i, '')
}
