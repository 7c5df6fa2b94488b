/**
 * The management API over HTTP, with amqplib on the other side: what is set here is felt there.
 * Shapes, statuses and texts are those of RabbitMQ 3.10.8, of which samples are in `samples.ts`.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { type Channel, type ChannelModel, connect } from 'amqplib'
import { type ManagedBroker, startManaged } from './broker.ts'
import { samples } from './samples.ts'

let broker: ManagedBroker
const everything = { configure: '.*', write: '.*', read: '.*' }

before(async () => {
  broker = await startManaged()
})

after(async () => {
  await broker.stop()
})

async function use<T>(
  run: (channel: Channel, connection: ChannelModel) => Promise<T>,
  user?: string,
  vhost?: string,
): Promise<T> {
  const connection = await connect(broker.url(user, vhost))
  connection.on('error', () => {})
  try {
    const channel = await connection.createChannel()
    channel.on('error', () => {})
    return await run(channel, connection)
  } finally {
    await connection.close().catch(() => {})
  }
}

/** The text with which a channel or a connection is refused. */
async function refusal(run: () => Promise<unknown>): Promise<string> {
  try {
    await run()
  } catch (error) {
    return (error as Error).message.replace(/^.*?with message "?/, '').replace(/"$/, '')
  }
  return 'nothing was refused'
}

async function put(path: string, body: unknown, status = 201): Promise<void> {
  const answer = await broker.call('PUT', path, body)
  assert.equal(answer.status, status, `PUT ${path}: ${JSON.stringify(answer.json)}`)
}

async function makeUser(name: string, permission: object = everything): Promise<void> {
  await put(`/users/${name}`, { password: 'secret', tags: '' })
  await put(`/permissions/%2F/${name}`, permission)
}

describe('shapes', () => {
  it('have the fields that RabbitMQ 3.10.8 has, with values of the same types', async () => {
    await use(async channel => {
      await channel.assertQueue('shape', { arguments: { 'x-max-length': 5 } })
      await channel.assertExchange('shape', 'topic')
      await channel.bindQueue('shape', 'shape', 'a.#', { x: 1 })
      await channel.consume('shape', () => {}, { consumerTag: 'tag' })
      await put('/users/shape', { password: 'p', tags: 'management' })
      await put('/permissions/%2F/shape', everything)
      await put('/policies/%2F/shape', { pattern: '^shape', definition: { 'max-length': 3 } })
      for (const [path, sample] of Object.entries(samples)) {
        const { status, json } = await broker.call('GET', path)
        assert.equal(status, 200, path)
        const item = Array.isArray(json) ? json.at(-1) : json
        for (const [field, type] of Object.entries(sample)) {
          const value = item[field]
          const actual = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value
          assert.equal(actual, type, `${path}: ${field}`)
        }
      }
      await broker.call('DELETE', '/policies/%2F/shape')
    })
  })
})

describe('users and permissions', () => {
  it('a user comes in with a password, or with a hash that RabbitMQ made', async () => {
    await makeUser('alice')
    await use(async () => {}, 'alice:secret')
    assert.match(await refusal(() => connect(broker.url('alice:wrong'))), /ACCESS_REFUSED|403/)
    // The example of RabbitMQ's own page on passwords.
    const hash = 'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR'
    await put('/users/known', { password_hash: hash, tags: '' })
    await put('/permissions/%2F/known', everything)
    await use(async () => {}, 'known:test12')
  })

  it('without permissions nobody enters a virtual host', async () => {
    await put('/users/lonely', { password: 'secret', tags: '' })
    // The client does not pass on the text that it heard.
    assert.match(await refusal(() => connect(broker.url('lonely:secret'))), /ConnectionClose/)
    assert.match(
      await refusal(() => connect(broker.url('guest:guest', 'nowhere'))),
      /ConnectionClose/,
    )
  })

  it('each action asks for its permission, in the words of RabbitMQ', async () => {
    await makeUser('bob', { configure: '^bob', write: '^bob', read: '^bob' })
    await use(async channel => {
      await channel.assertQueue('hers')
      await channel.assertExchange('hers', 'fanout')
    })
    const refused = async (run: (channel: Channel) => Promise<unknown>) =>
      use(channel => refusal(() => run(channel)), 'bob:secret')
    const text = (permission: string, what: string) =>
      `ACCESS_REFUSED - ${permission} access to ${what} in vhost '/' refused for user 'bob'`
    assert.equal(await refused(c => c.assertQueue('his')), text('configure', "queue 'his'"))
    assert.equal(
      await refused(c => c.assertExchange('his', 'fanout')),
      text('configure', "exchange 'his'"),
    )
    assert.equal(await refused(c => c.get('hers')), text('read', "queue 'hers'"))
    assert.equal(await refused(c => c.consume('hers', () => {})), text('read', "queue 'hers'"))
    assert.equal(await refused(c => c.purgeQueue('hers')), text('read', "queue 'hers'"))
    assert.equal(await refused(c => c.deleteQueue('hers')), text('configure', "queue 'hers'"))
    assert.equal(
      await refused(async c => {
        await c.assertQueue('bob')
        await c.bindQueue('bob', 'hers', '')
      }),
      text('read', "exchange 'hers'"),
    )
    assert.equal(
      await refused(c => c.assertQueue('bob-dlx', { deadLetterExchange: 'hers' })),
      text('write', "exchange 'hers'"),
    )
    assert.equal(
      await refused(c => c.assertExchange('bob-ae', 'fanout', { alternateExchange: 'hers' })),
      text('write', "exchange 'hers'"),
    )
    const published = await use(async channel => {
      const closed = once(channel, 'error')
      channel.publish('hers', '', Buffer.from('x'))
      return String(((await closed) as [Error])[0].message)
    }, 'bob:secret')
    assert.match(published, /write access to exchange 'hers' in vhost '\/' refused for user 'bob'/)
  })

  it('topic permissions limit keys, with the name of the user in the pattern', async () => {
    await makeUser('carol')
    const pattern = { exchange: 'amq.topic', write: '^{username}\\.', read: '^{vhost}x' }
    await put('/topic-permissions/%2F/carol', pattern)
    await use(async channel => {
      const queue = await channel.assertQueue('', { exclusive: true })
      const bound = await refusal(() => channel.bindQueue(queue.queue, 'amq.topic', 'a'))
      assert.match(bound, /read access to topic 'a' in exchange 'amq.topic' in vhost '\/' refused/)
    }, 'carol:secret')
    await use(async (_channel, connection) => {
      const channel = await connection.createConfirmChannel()
      channel.on('error', () => {})
      channel.publish('amq.topic', 'carol.a', Buffer.from('x'))
      await channel.waitForConfirms()
      const closed = once(channel, 'error')
      channel.publish('amq.topic', 'dave.a', Buffer.from('x'))
      const [error] = (await closed) as [Error]
      const text = "write access to topic 'dave.a' in exchange 'amq.topic' in vhost '/' refused"
      assert.ok(error.message.includes(text), error.message)
    }, 'carol:secret')
  })

  it('a permission that changes is felt by open connections', async () => {
    await makeUser('erin')
    await use(async channel => {
      await channel.assertQueue('erin-1', { autoDelete: true })
      await put('/permissions/%2F/erin', { ...everything, configure: '' }, 204)
      const text = await refusal(() => channel.assertQueue('erin-2'))
      assert.match(text, /configure access to queue 'erin-2'/)
    }, 'erin:secret')
  })

  it('who is deleted is sent away', async () => {
    await makeUser('frank')
    const connection = await connect(broker.url('frank:secret'))
    const closed = once(connection, 'close')
    assert.equal((await broker.call('DELETE', '/users/frank')).status, 204)
    const [error] = (await closed) as [Error]
    assert.match(error.message, /CONNECTION_FORCED - user 'frank' was deleted/)
  })

  it('limits on connections, channels and queues are kept', async () => {
    await makeUser('gina')
    await put('/user-limits/gina/max-connections', { value: 1 }, 204)
    await put('/user-limits/gina/max-channels', { value: 1 }, 204)
    await use(async (_channel, connection) => {
      assert.match(await refusal(() => connect(broker.url('gina:secret'))), /ConnectionClose/)
      const closed = once(connection, 'error')
      await refusal(() => connection.createChannel())
      const [error] = (await closed) as [Error]
      const text = "number of channels opened for user 'gina' has reached the maximum allowed"
      assert.ok(error.message.includes(`${text} user limit of (1)`), error.message)
    }, 'gina:secret')
    await put('/vhosts/small', {})
    await put('/vhost-limits/small/max-queues', { value: 1 }, 204)
    await use(
      async channel => {
        await channel.assertQueue('one')
        assert.equal(
          await refusal(() => channel.assertQueue('two')),
          "PRECONDITION_FAILED - cannot declare queue 'two': queue limit in vhost 'small' (1) is reached",
        )
      },
      undefined,
      'small',
    )
    await broker.call('DELETE', '/vhosts/small')
  })

  it('a page of another origin changes nothing', async () => {
    for (const headers of [{ origin: 'http://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      const { status } = await broker.call('PUT', '/vhosts/evil', {}, { headers })
      assert.equal(status, 403)
    }
    assert.equal((await broker.call('GET', '/vhosts/evil')).status, 404)
  })

  it('tags decide what the API shows', async () => {
    await put('/users/watcher', { password: 'p', tags: 'monitoring' })
    await put('/users/nobody', { password: 'p', tags: '' })
    const reason = async (user: string, path: string) =>
      (await broker.call('GET', path, undefined, { user })).json.reason
    assert.equal(await reason('nobody:p', '/whoami'), 'Not management user')
    assert.equal(await reason('watcher:p', '/users'), 'Not administrator user')
    assert.equal(await reason('watcher:wrong', '/users'), 'Login failed')
    assert.equal(
      await reason('watcher:p', '/queues/%2F/shape'),
      'User not authorised to access virtual host',
    )
    const nodes = await broker.call('GET', '/nodes', undefined, { user: 'watcher:p' })
    assert.equal(nodes.status, 200)
  })
})

describe('policies', () => {
  it('apply to queues that exist and to those to come, and an own argument counts', async () => {
    await use(async channel => {
      await channel.assertQueue('pol-1')
      await channel.assertQueue('pol-2', { arguments: { 'x-max-length': 1 } })
      const definition = { 'max-length': 2, 'dead-letter-exchange': 'amq.fanout' }
      await put('/policies/%2F/p', { pattern: '^pol-', definition, 'apply-to': 'queues' })
      await channel.assertQueue('pol-3')
      const grave = await channel.assertQueue('', { exclusive: true })
      await channel.bindQueue(grave.queue, 'amq.fanout', '')
      for (const queue of ['pol-1', 'pol-2', 'pol-3']) {
        for (let index = 0; index < 3; index++) channel.sendToQueue(queue, Buffer.from('x'))
      }
      const count = async (queue: string) => (await channel.checkQueue(queue)).messageCount
      assert.deepEqual(await Promise.all(['pol-1', 'pol-2', 'pol-3'].map(count)), [2, 1, 2])
      assert.equal(await count(grave.queue), 4)
      const shown = (await broker.call('GET', '/queues/%2F/pol-1')).json
      assert.equal(shown.policy, 'p')
      assert.deepEqual(shown.effective_policy_definition, definition)
      assert.deepEqual(shown.arguments, {})
      // Declared again as it was: the policy is no difference.
      await channel.assertQueue('pol-2', { arguments: { 'x-max-length': 1 } })

      await put('/operator-policies/%2F/o', { pattern: '^pol-1', definition: { 'max-length': 1 } })
      assert.equal((await broker.call('GET', '/queues/%2F/pol-1')).json.operator_policy, 'o')
      channel.sendToQueue('pol-1', Buffer.from('y'))
      assert.equal(await count('pol-1'), 1)

      for (const path of ['/policies/%2F/p', '/operator-policies/%2F/o']) {
        assert.equal((await broker.call('DELETE', path)).status, 204)
      }
      for (let index = 0; index < 5; index++) channel.sendToQueue('pol-1', Buffer.from('z'))
      assert.equal(await count('pol-1'), 6)
    })
  })

  it('give an exchange its alternate', async () => {
    await use(async channel => {
      await channel.assertExchange('pol-x', 'direct')
      const { queue } = await channel.assertQueue('', { exclusive: true })
      await channel.bindQueue(queue, 'amq.fanout', '')
      const definition = { 'alternate-exchange': 'amq.fanout' }
      await put('/policies/%2F/ae', { pattern: '^pol-x', definition, 'apply-to': 'exchanges' })
      channel.publish('pol-x', 'nobody', Buffer.from('x'))
      assert.equal((await channel.checkQueue(queue)).messageCount, 1)
      await broker.call('DELETE', '/policies/%2F/ae')
      channel.publish('pol-x', 'nobody', Buffer.from('x'))
      assert.equal((await channel.checkQueue(queue)).messageCount, 1)
    })
  })

  it('that make no sense are refused in the words of RabbitMQ', async () => {
    const refused = async (body: object, kind = 'policies') => {
      const { status, json } = await broker.call('PUT', `/${kind}/%2F/no`, body)
      assert.equal(status, 400)
      return json.reason
    }
    const validation = (text: string) => `Validation failed\n\n${text}\n`
    assert.equal(await refused({ pattern: 'a' }), '[{key_missing,definition}]')
    assert.equal(await refused({ pattern: 'a', definition: {} }), validation('no policy provided'))
    assert.equal(
      await refused({ pattern: 'a', definition: { 'max-length': -5 } }),
      validation('-5 is not a valid maximum length'),
    )
    assert.equal(
      await refused(
        { pattern: 'a', definition: { 'dead-letter-exchange': 'x' } },
        'operator-policies',
      ),
      validation('[{<<"dead-letter-exchange">>,<<"x">>}] are not recognised policy settings'),
    )
  })
})

describe('objects', () => {
  it('a closed connection hears the reason', async () => {
    const connection = await connect(broker.url(), { clientProperties: { connection_name: 'me' } })
    const closed = once(connection, 'close')
    const { json } = await broker.call('GET', '/connections')
    const { name } = json.find((one: { user_provided_name: string }) => {
      return one.user_provided_name === 'me'
    })
    assert.match(name, /^127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+$/)
    const path = `/connections/${encodeURIComponent(name)}`
    const headers = { 'x-reason': 'time to go' }
    assert.equal((await broker.call('DELETE', path, undefined, { headers })).status, 204)
    const [error] = (await closed) as [Error]
    assert.match(error.message, /CONNECTION_FORCED - time to go/)
    assert.equal((await broker.call('DELETE', path)).status, 404)
  })

  it('queues, exchanges and bindings are declared, bound, listed and deleted', async () => {
    const table = { 'x-max-length': 5 }
    await put('/queues/%2F/obj', { durable: true, arguments: table })
    await put('/queues/%2F/obj', { durable: true, arguments: table }, 204)
    const other = await broker.call('PUT', '/queues/%2F/obj', { durable: true })
    assert.deepEqual(other.json, {
      error: 'bad_request',
      reason:
        "inequivalent arg 'x-max-length' for queue 'obj' in vhost '/': received none but current is the value '5' of type 'signedint'",
    })
    await put('/exchanges/%2F/obj', { type: 'topic' })
    const binding = { routing_key: 'a/b', arguments: { x: 1 } }
    const bound = await broker.call('POST', '/bindings/%2F/e/obj/q/obj', binding)
    assert.equal(bound.status, 201)
    const [listed] = (await broker.call('GET', '/bindings/%2F/e/obj/q/obj')).json
    assert.deepEqual(
      { ...listed, properties_key: 0 },
      {
        source: 'obj',
        vhost: '/',
        destination: 'obj',
        destination_type: 'queue',
        ...binding,
        properties_key: 0,
      },
    )
    const at = `/bindings/%2F/e/obj/q/obj/${encodeURIComponent(listed.properties_key)}`
    assert.equal((await broker.call('GET', at)).status, 200)
    assert.equal((await broker.call('DELETE', at)).status, 204)
    assert.equal((await broker.call('DELETE', at)).status, 404)
    assert.equal((await broker.call('DELETE', '/exchanges/%2F/obj')).status, 204)
    assert.equal((await broker.call('DELETE', '/queues/%2F/obj')).status, 204)
    const gone = await broker.call('GET', '/queues/%2F/obj')
    assert.deepEqual(gone.json, { error: 'Object Not Found', reason: 'Not Found' })
  })

  it('messages are published, looked at, taken and purged', async () => {
    await put('/queues/%2F/msg', {})
    const message = {
      properties: { delivery_mode: 2, headers: { a: 'b' }, message_id: 'm' },
      routing_key: 'msg',
      payload: 'hello',
      payload_encoding: 'string',
    }
    const published = await broker.call('POST', '/exchanges/%2F/amq.default/publish', message)
    assert.deepEqual(published.json, { routed: true })
    const get = { count: 5, ackmode: 'ack_requeue_true', encoding: 'auto' }
    const [seen] = (await broker.call('POST', '/queues/%2F/msg/get', get)).json
    assert.deepEqual(seen, {
      payload_bytes: 5,
      redelivered: false,
      exchange: '',
      routing_key: 'msg',
      message_count: 0,
      properties: message.properties,
      payload: 'hello',
      payload_encoding: 'string',
    })
    const take = { ...get, ackmode: 'ack_requeue_false', encoding: 'base64' }
    const [taken] = (await broker.call('POST', '/queues/%2F/msg/get', take)).json
    assert.equal(taken.redelivered, true)
    assert.equal(taken.payload, 'aGVsbG8=')
    assert.deepEqual((await broker.call('POST', '/queues/%2F/msg/get', get)).json, [])
    await broker.call('POST', '/exchanges/%2F/amq.default/publish', message)
    assert.equal((await broker.call('DELETE', '/queues/%2F/msg/contents')).status, 204)
    assert.equal((await broker.call('GET', '/queues/%2F/msg')).json.messages, 0)
    const missing = await broker.call('POST', '/exchanges/%2F/nope/publish', message)
    assert.equal(missing.json.reason, "404 NOT_FOUND - no exchange 'nope' in vhost '/'")
  })

  it('lists come by page, by column, and sorted', async () => {
    const { json } = await broker.call(
      'GET',
      '/exchanges/%2F?page=1&page_size=2&name=amq&sort=name',
    )
    assert.equal(json.item_count, 2)
    assert.equal(json.filtered_count, 6)
    const path = '/exchanges/%2F?columns=name,type&sort=name&sort_reverse=true'
    const last = (await broker.call('GET', path)).json.at(-1)
    assert.deepEqual(last, { name: '', type: 'direct' })
    const beyond = await broker.call('GET', '/exchanges?page=99')
    assert.equal(beyond.json.error, 'page_out_of_range')
  })
})

describe('definitions', () => {
  it('are exported, imported elsewhere, and still there after a restart', async () => {
    const one = await startManaged()
    await one.call('PUT', '/vhosts/v', { description: 'd' })
    await one.call('PUT', '/users/u', { password: 'p', tags: 'management' })
    await one.call('PUT', '/permissions/v/u', everything)
    await one.call('PUT', '/queues/v/q', { durable: true, arguments: { 'x-max-length': 5 } })
    await one.call('PUT', '/exchanges/v/x', { type: 'topic', durable: true })
    await one.call('POST', '/bindings/v/e/x/q/q', { routing_key: 'k' })
    await one.call('PUT', '/policies/v/p', { pattern: 'q', definition: { 'max-length': 3 } })
    const exported = (await one.call('GET', '/definitions')).json
    await one.stop()

    const two = await startManaged()
    assert.equal((await two.call('POST', '/definitions', exported)).status, 204)
    const three = await two.restart()
    assert.deepEqual((await three.call('GET', '/definitions')).json, exported)
    const connection = await connect(three.url('u:p', 'v'))
    const channel = await connection.createChannel()
    for (let index = 0; index < 5; index++) channel.publish('x', 'k', Buffer.from('x'))
    assert.equal((await channel.checkQueue('q')).messageCount, 3)
    await connection.close()
    await three.stop()
  })
})

describe('what Prometheus scrapes', () => {
  const scrape = async (path: string, headers = {}, port = broker.httpPort) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
    return { status: answer.status, text: await answer.text() }
  }

  it('has sums under the names of RabbitMQ, without a password', async () => {
    await use(async channel => {
      await channel.assertQueue('scraped')
      channel.sendToQueue('scraped', Buffer.from('x'))
      await channel.checkQueue('scraped')
      const { status, text } = await scrape('/metrics')
      assert.equal(status, 200)
      assert.match(text, /^rabbitmq_connections 1$/m)
      assert.match(text, /^rabbitmq_channels 1$/m)
      assert.match(text, /^rabbitmq_build_info\{rabbitmq_version="4\.2\.0",.*\} 1$/m)
      assert.match(text, /^# TYPE rabbitmq_queue_messages_ready gauge$/m)
      assert.doesNotMatch(text, /scraped/)
    })
  })

  it('has each queue for who has a password', async () => {
    assert.equal((await scrape('/metrics/per-object')).status, 401)
    const authorization = `Basic ${btoa('guest:guest')}`
    const one = /^rabbitmq_queue_messages_ready\{vhost="\/",queue="scraped"\} 1$/m
    assert.match((await scrape('/metrics/per-object', { authorization })).text, one)
    // The plugin's own port is for whoever reaches it, and has nothing else.
    assert.match((await scrape('/metrics/per-object', {}, broker.metricsPort)).text, one)
    assert.equal((await scrape('/metrics', {}, broker.metricsPort)).status, 200)
    assert.equal((await scrape('/api/overview', { authorization }, broker.metricsPort)).status, 404)
    await use(channel => channel.deleteQueue('scraped'))
  })
})

describe('the queue type of a virtual host', () => {
  it('is that of queues which name none and could be of it', async () => {
    await put('/vhosts/typed', { default_queue_type: 'quorum' })
    await put('/permissions/typed/guest', everything, 204)
    await use(
      async channel => {
        await channel.assertQueue('plain')
        await channel.assertQueue('plain')
        await channel.assertQueue('mine', { exclusive: true, durable: false })
      },
      undefined,
      'typed',
    )
    const { json } = await broker.call('GET', '/queues/typed/plain')
    assert.equal(json.type, 'quorum')
    assert.deepEqual(json.arguments, { 'x-queue-type': 'quorum' })
    await broker.call('DELETE', '/vhosts/typed')
  })
})
