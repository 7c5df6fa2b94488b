import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { questions, rankBackends } from './choosing.ts'

describe('picking a queue', () => {
  const first = (...yes: string[]) => rankBackends(new Set(yes))[0]!.name

  it('asks six questions, and each answer has a reason for each backend', () => {
    assert.equal(questions.length, 6)
    for (const { name, reasons } of rankBackends(new Set(questions.map(({ id }) => id)))) {
      assert.equal(reasons.length, 6, name)
    }
  })

  it('ranks by what was asked for', () => {
    assert.equal(first('replay', 'order'), 'Kafka')
    assert.equal(first('routing', 'retry'), 'RabbitMQ')
    assert.equal(first('nobody', 'delay'), 'SQS')
    assert.equal(rankBackends(new Set(['replay'])).at(-1)!.name, 'SQS')
  })
})
