import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter, decodeUtf8 } from '../../base/bytes.ts'
import { Reply } from '../../wire/resp/reply.ts'
import { requestOf } from '../../wire/resp/request.ts'
import { idOf, idText, maxId, nextId, parseId, previousId, recordOf, zeroId } from './mapping.ts'

test('ids are the same after a round trip, whatever their size', () => {
  for (const text of ['0-0', '1-2', '1700000000000-5', '9007199254740993-1', idText(maxId)]) {
    equal(idText(parseId(text)!), text)
  }
  equal(idText(maxId), '18446744073709551615-18446744073709551615')
  equal(parseId('18446744073709551616-0'), undefined)
  equal(parseId('-1'), undefined)
  equal(idText(parseId('7', 'max')!), '7-18446744073709551615')
})

test('ids sort as numbers do, and have neighbours', () => {
  const ids = ['0-1', '1-0', '9-18446744073709551615', '10-0', '4294967296-0'].map(text =>
    parseId(text),
  )
  deepEqual([...ids].sort(), ids)
  equal(nextId(parseId('9-18446744073709551615')!), parseId('10-0'))
  equal(previousId(parseId('10-0')!), parseId('9-18446744073709551615'))
  equal(nextId(maxId), undefined)
  equal(previousId(zeroId), undefined)
})

test('the fields are kept as they came; a single body is a body', () => {
  const id = idOf(5, 1)
  const plain = recordOf(requestOf(['XADD', 's', '*', 'a', '1']), 3, id, 7)
  equal(decodeUtf8(plain.envelope), '*2\r\n$1\r\na\r\n$1\r\n1\r\n')
  equal(plain.body.length, 0)
  equal(plain.key?.length, 16)
  const body = recordOf(requestOf(['XADD', 's', '*', 'body', 'hello']), 3, id, 7)
  equal(decodeUtf8(body.envelope), '*2\r\n$4\r\nbody\r\n')
  equal(decodeUtf8(body.body), 'hello')
  const reply = new Reply(new ByteWriter())
  reply.raw(body.envelope)
  reply.bytes(body.body)
  equal(decodeUtf8(reply.out.take()), '*2\r\n$4\r\nbody\r\n$5\r\nhello\r\n')
})
