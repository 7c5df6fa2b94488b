import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../base/random.ts'
import type { Death } from '../../engine/model.ts'
import {
  decodeProperties,
  encodeProperties,
  newPropertyScan,
  noProperties,
  scanProperties,
} from '../../wire/amqp/content.ts'
import { fieldOf, sampleTable, tableOf, tableToPlain } from '../../wire/amqp/field-table.ts'
import { WireError } from '../../wire/schema/errors.ts'
import { copiesOf, deliveredProperties, scanHeaders } from './headers.ts'

const calm = { vhost: '/', deaths: [], deliveryCount: 0, hasMoreKeys: false }

const first: Death = {
  queue: 'q1',
  reason: 'rejected',
  count: 2,
  time: 1_700_000_000_999,
  route: 'e',
  keys: ['k', 'cc'],
}
const second: Death = {
  queue: 'q2',
  reason: 'expired',
  count: 1,
  time: 1_700_000_005_000,
  route: '',
  keys: ['q2'],
  ttlMs: 250,
}

test('a dead letter shows its deaths, newest first, and has lost its expiration', () => {
  const envelope = encodeProperties({
    contentType: 'text/plain',
    expiration: '250',
    headers: tableOf({ zebra: 1, 'x-death': 'mine', apple: 2, CC: ['cc'] }),
  })
  // The first one died again later: it moved to the front.
  const properties = decodeProperties(
    deliveredProperties(envelope, { ...calm, deaths: [first, second], hasMoreKeys: true }),
  )
  assert.equal(properties.expiration, undefined)
  assert.equal(properties.contentType, 'text/plain')
  const headers = properties.headers!
  assert.deepEqual(
    headers.map(([name]) => name),
    [
      'CC',
      'apple',
      'x-death',
      'x-first-death-exchange',
      'x-first-death-queue',
      'x-first-death-reason',
      'x-last-death-exchange',
      'x-last-death-queue',
      'x-last-death-reason',
      'zebra',
    ],
  )
  const plain = tableToPlain(headers)
  assert.equal(plain['x-first-death-queue'], 'q1')
  assert.equal(plain['x-last-death-queue'], 'q1')
  assert.equal(plain['x-last-death-reason'], 'rejected')
  const deaths = plain['x-death'] as readonly { readonly [name: string]: unknown }[]
  assert.equal(deaths.length, 2)
  assert.deepEqual(
    { ...deaths[0] },
    {
      count: 2,
      reason: 'rejected',
      queue: 'q1',
      time: 1_700_000_000,
      exchange: 'e',
      'routing-keys': ['k', 'cc'],
    },
  )
  assert.equal(deaths[1]!['original-expiration'], '250')
})

test('the reasons have the names of RabbitMQ', () => {
  const reason = (given: Death['reason']) =>
    fieldOf(
      decodeProperties(
        deliveredProperties(noProperties, {
          ...calm,
          deaths: [{ ...first, reason: given }],
          deliveryCount: 0,
        }),
      ).headers!,
      'x-first-death-reason',
    )?.value
  assert.equal(reason('length'), 'maxlen')
  assert.equal(reason('attempts'), 'delivery_limit')
})

test('a redelivery of a quorum queue is counted in a header, and the rest stays as it was', () => {
  const envelope = encodeProperties({ expiration: '5', headers: tableOf({ a: 'b' }) })
  const properties = decodeProperties(
    deliveredProperties(envelope, { ...calm, deaths: [], deliveryCount: 3 }),
  )
  assert.deepEqual({ ...tableToPlain(properties.headers!) }, { a: 'b', 'x-delivery-count': 3 })
  assert.equal(properties.expiration, '5')
})

test('CC and BCC are keys; BCC is not stored', () => {
  const properties = { headers: tableOf({ CC: ['a', 'b'], BCC: ['c'], other: 1 }) }
  const copies = copiesOf(properties)
  assert.deepEqual(copies.keys, ['a', 'b', 'c'])
  assert.ok(copies.changed)
  assert.equal(fieldOf(copies.properties.headers!, 'BCC'), undefined)
  assert.notEqual(fieldOf(copies.properties.headers!, 'CC'), undefined)
  assert.ok(!copiesOf({ headers: tableOf({ CC: ['a'] }) }).changed)
  assert.throws(
    () => copiesOf({ headers: tableOf({ CC: 'joe' }) }),
    /invalid message: \{unacceptable_type_in_header,"CC",longstr\}/,
  )
})

function scanOf(bytes: Uint8Array): boolean {
  const scan = newPropertyScan()
  scanProperties(bytes, scan)
  return scanHeaders(bytes, scan.headersStart, scan.headersEnd)
}

test('headers with CC or BCC are found without decoding', () => {
  const found = (plain: Parameters<typeof tableOf>[0]) =>
    scanOf(encodeProperties({ headers: tableOf(plain) }))
  assert.ok(found({ CC: ['a'] }))
  assert.ok(found({ BCC: 'not even a list' }))
  assert.ok(found({ first: 'x', second: { deep: [1, { CC: 1 }] }, CC: [] }))
  assert.ok(!found({ first: 'CC', ACC: 'CC', nested: { CC: ['a'] }, none: null }))
  assert.ok(!found({}))
})

test('the scan of headers agrees with the decoder on what can be read', () => {
  const random = new SeededRandom(11)
  for (let round = 0; round < 2000; round++) {
    const bytes = encodeProperties({ headers: sampleTable(random) })
    if (round % 2 === 1 && bytes.length > 6) {
      bytes[6 + random.below(bytes.length - 6)] = random.below(256)
    }
    const decoded = attempt(() => decodeProperties(bytes))
    assert.equal(
      attempt(() => scanOf(bytes)),
      decoded,
      Buffer.from(bytes).toString('hex'),
    )
  }
})

function attempt(run: () => void): boolean {
  try {
    run()
    return true
  } catch (error) {
    assert.ok(error instanceof WireError)
    return false
  }
}

test('x-death shows the keys that CC named and not those of BCC', () => {
  const headers = tableOf({ CC: ['copy'] })
  const death = { ...first, keys: ['key', 'copy', 'blind'] }
  const shown = (hasMoreKeys: boolean) => {
    const envelope = encodeProperties({ headers })
    const given = { ...calm, deaths: [death], hasMoreKeys }
    return tableToPlain(decodeProperties(deliveredProperties(envelope, given)).headers!)
  }
  const [told] = shown(true)['x-death'] as { 'routing-keys': string[] }[]
  assert.deepEqual(told?.['routing-keys'], ['key', 'copy'])
  assert.deepEqual(shown(true)['CC'], ['copy'])
  // A dead letter that got a key of its own has lost the others.
  assert.equal(shown(false)['CC'], undefined)
})
