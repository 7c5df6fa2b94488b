/** Users with rules, and what clients can do to each other. */

import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Redis } from 'ioredis'
import { Serving } from './serving.ts'

let serving: Serving
let admin: Redis
before(async () => {
  serving = await new Serving().start()
  admin = new Redis(serving.port, '127.0.0.1')
})
after(async () => {
  admin.disconnect()
  await serving.stop()
})

async function as<T>(
  login: { readonly username?: string; readonly password?: string },
  run: (client: Redis) => Promise<T>,
): Promise<T> {
  const options = { ...login, retryStrategy: () => null, enableReadyCheck: false }
  const client = new Redis(serving.port, '127.0.0.1', options)
  client.on('error', () => {})
  try {
    return await run(client)
  } finally {
    client.disconnect()
  }
}

describe('ACL', () => {
  test('commands, keys and channels are what the rules say', async () => {
    const rules = [
      'on',
      '>secret',
      '~orders:*',
      '%R~config',
      '&news',
      '+@stream',
      '+get',
      '+publish',
    ]
    const more = ['+publish', '+@transaction', '-xtrim', '+client|setinfo']
    equal(await admin.call('ACL', 'SETUSER', 'ada', ...rules, ...more), 'OK')
    await as({ username: 'ada', password: 'secret' }, async client => {
      ok(await client.xadd('orders:1', '*', 'n', '1'))
      equal(await client.get('config'), null)
      equal(await client.publish('news', 'x'), 0)
      await rejects(client.xtrim('orders:1', 'MAXLEN', 0), /NOPERM User ada has no permissions to/)
      await rejects(client.xadd('others', '*', 'n', '1'), /NOPERM No permissions to access a key/)
      await rejects(client.publish('other', 'x'), /NOPERM No permissions to access a channel/)
      await rejects(client.multi().set('orders:1', '1').exec(), /EXECABORT/)
    })
    await rejects(
      as({ username: 'ada', password: 'wrong' }, client => client.get('config')),
      /WRONGPASS|NOAUTH|NOPERM|closed/,
    )
    const list = (await admin.call('ACL', 'LIST')) as string[]
    match(
      list[0]!,
      /^user ada on sanitize-payload #[0-9a-f]{64} ~orders:\* %R~config resetchannels/,
    )
    match(list[1]!, /^user default on nopass sanitize-payload ~\* &\* \+@all$/)
    equal(await admin.call('ACL', 'DRYRUN', 'ada', 'get', 'config'), 'OK')
    equal(await admin.call('ACL', 'DELUSER', 'ada', 'nobody'), 1)
  })

  test('wrong rules are refused, and change nothing', async () => {
    const set = (...rules: string[]) => admin.call('ACL', 'SETUSER', 'x', ...rules)
    await rejects(set('on', 'foo'), /modifier 'foo': Syntax error/)
    await rejects(set('+nosuch'), /Unknown command or category name in ACL/)
    await rejects(set('~*', '~a'), /Adding a pattern after the \* pattern/)
    await rejects(set('#zz'), /must be exactly 64 characters/)
    equal(await admin.call('ACL', 'GETUSER', 'x'), null)
    await rejects(admin.call('ACL', 'DELUSER', 'default'), /cannot be removed/)
    ok(((await admin.call('ACL', 'CAT', 'stream')) as string[]).includes('xadd'))
  })

  test('users outlive a restart, and a default user with a password is asked for it', async () => {
    const own = await new Serving().start()
    const first = new Redis(own.port, '127.0.0.1')
    await first.call('ACL', 'SETUSER', 'bob', 'on', '>b', 'allkeys', 'allchannels', '+@all')
    await first.call('ACL', 'SETUSER', 'default', 'resetpass', '>d')
    first.disconnect()
    await own.stop()
    await own.start()
    const options = { retryStrategy: () => null, enableReadyCheck: false }
    const stranger = new Redis(own.port, '127.0.0.1', options)
    await rejects(stranger.get('a'), /NOAUTH/)
    equal(await stranger.auth('bob', 'b'), 'OK')
    equal(await stranger.call('ACL', 'WHOAMI'), 'bob')
    equal(await stranger.auth('d'), 'OK')
    equal(await stranger.call('ACL', 'WHOAMI'), 'default')
    stranger.disconnect()
    await own.stop()
  })
})

describe('CLIENT', () => {
  test('TRACKING is off and stays off, so that nobody trusts a cache', async () => {
    equal(await admin.call('CLIENT', 'TRACKING', 'OFF'), 'OK')
    await rejects(admin.call('CLIENT', 'TRACKING', 'ON'), /Client tracking is not served/)
    const info = await admin.call('CLIENT', 'TRACKINGINFO')
    deepEqual(info, ['flags', ['off'], 'redirect', -1, 'prefixes', []])
  })

  test('PAUSE lets writers wait, in their order, and UNPAUSE lets them go on', () =>
    as({}, async client => {
      await client.set('k', '0')
      equal(await admin.call('CLIENT', 'PAUSE', '100000', 'WRITE'), 'OK')
      const written = Promise.all([client.incr('k'), client.incr('k'), client.get('k')])
      equal(await admin.get('k'), '0')
      equal(await admin.call('CLIENT', 'UNPAUSE'), 'OK')
      deepEqual(await written, [1, 2, '2'])
    }))

  test('INFO and LIST name the library, as its client has said', async () => {
    const info = async () => (await admin.call('CLIENT', 'INFO')) as string
    equal(await admin.call('CLIENT', 'SETINFO', 'LIB-NAME', 'mine'), 'OK')
    equal(await admin.call('CLIENT', 'SETINFO', 'lib-ver', '1.2'), 'OK')
    match(await info(), / multi=-1 watch=0 .* resp=2 lib-name=mine lib-ver=1\.2\n$/)
    const spaced = admin.call('CLIENT', 'SETINFO', 'LIB-NAME', 'two words')
    await rejects(spaced, /LIB-NAME cannot contain spaces/)
    await rejects(
      admin.call('CLIENT', 'SETINFO', 'LIB-SIZE', '1'),
      /Unrecognized option 'LIB-SIZE'/,
    )
  })

  test('KILL ends those whom its filters fit', () =>
    as({}, async client => {
      const id = await client.client('ID')
      const closed = new Promise(resolve => client.on('end', resolve))
      equal(await admin.call('CLIENT', 'KILL', 'ID', String(id)), 1)
      await closed
      equal(await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub'), 0)
      await rejects(admin.call('CLIENT', 'KILL', 'TYPE', 'nothing'), /Unknown client type/)
      await rejects(admin.call('CLIENT', 'KILL', 'USER', 'nobody'), /No such user/)
    }))
})
