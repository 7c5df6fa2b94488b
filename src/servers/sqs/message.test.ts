import assert from 'node:assert/strict'
import { it } from 'node:test'
import { hasForbidden, receivedJson } from './message.ts'

it('SQS takes every character of its list, and no other', () => {
  const isTaken = (code: number): boolean =>
    code === 0x9 ||
    code === 0xa ||
    code === 0xd ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    code >= 0x1_0000
  for (let code = 0; code < 0x11_0000; code++) {
    if (hasForbidden(`a${String.fromCodePoint(code)}b`) === isTaken(code)) assert.fail(`${code}`)
  }
  assert.ok(hasForbidden('\udc00\ud800'))
  assert.ok(hasForbidden('😀\ud83d'))
  assert.ok(!hasForbidden('😀'))
})

it('writes received messages as JSON.stringify does', () => {
  const MessageAttributes = { a: { DataType: 'String', StringValue: '"é"' } }
  const rest = { MessageId: 'i', ReceiptHandle: 'r', MD5OfBody: 'm' }
  const bodies = ['plain', 'a "b" \\ c', 'é', 'line\nline', '\u2028', '<&>', '\u007f', '😀']
  const messages = bodies.flatMap(Body => [
    { ...rest, Body },
    { ...rest, Body, Attributes: { SenderId: '1' } },
    { ...rest, Body, MD5OfMessageAttributes: 'd', MessageAttributes },
  ])
  assert.equal(receivedJson(messages), JSON.stringify({ Messages: messages }))
})
