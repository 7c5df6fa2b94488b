/**
 * The digests that SQS has in its answers: MD5 of bodies and of attributes, SHA-256 for what is
 * deduplicated by content and for signatures. They check, they do not protect.
 *
 * The digest of attributes is over, for each in the order of their names:
 *
 *     length u32 │ name │ length u32 │ data type │ 1 text or 2 bytes │ length u32 │ value
 */

import { hash } from 'node:crypto'
import { ByteWriter } from '../../base/bytes.ts'

/** What is known of an attribute's value: text, or bytes. */
export interface AttributeValue {
  readonly type: string
  readonly value: string | Uint8Array
}

export function md5(data: string | Uint8Array): string {
  return hash('md5', data)
}

export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data)
}

/** Names are sorted by their UTF-16 units, as every SDK does. */
export function md5OfAttributes(attributes: ReadonlyMap<string, AttributeValue>): string {
  const writer = new ByteWriter(256)
  const put = (part: string | Uint8Array) => {
    const at = writer.end
    writer.u32(0)
    if (typeof part === 'string') writer.utf8(part)
    else writer.raw(part)
    writer.view.setUint32(at, writer.end - at - 4)
  }
  for (const name of [...attributes.keys()].sort()) {
    const { type, value } = attributes.get(name)!
    put(name)
    put(type)
    writer.u8(typeof value === 'string' ? 1 : 2)
    put(value)
  }
  return md5(writer.bytes.subarray(0, writer.end))
}
