/** What the header of a journal file says of itself. */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { checkFileHeader, fileHeaderBytes, writeFileHeader } from './format.ts'

it('a first write that was cut short is incomplete, and no file of another release', () => {
  const bytes = new Uint8Array(fileHeaderBytes)
  const view = new DataView(bytes.buffer)
  writeFileHeader(bytes, view, 0, 3)
  assert.equal(checkFileHeader(bytes, 3), undefined)
  assert.match(checkFileHeader(bytes, 4)!, /another number/)
  // The length got to the disk, and of the bytes only the first nine.
  bytes.fill(0, 8)
  assert.match(checkFileHeader(bytes, 3)!, /incomplete/)
  view.setUint32(8, 9, true)
  assert.match(checkFileHeader(bytes, 3)!, /format version 9 is unknown/)
})
