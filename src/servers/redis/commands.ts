/**
 * The table of contents of Redis as we serve it: name, arity, flags, keys, since, handler, note.
 * The dispatcher looks commands up here; COMMAND, the errors about arity and the compatibility page
 * come from it.
 */

import type { Request } from '../../wire/resp/request.ts'
import type { Broker } from './broker.ts'
import { type Command, type Handler, minorOf } from './command.ts'
import * as acl from './handlers/acl.ts'
import { removeFrom } from './handlers/collections.ts'
import * as connections from './handlers/connections.ts'
import * as hashes from './handlers/hashes.ts'
import * as keys from './handlers/keys.ts'
import * as lists from './handlers/lists.ts'
import * as pubsub from './handlers/pubsub.ts'
import * as scans from './handlers/scan.ts'
import * as server from './handlers/server.ts'
import * as sets from './handlers/sets.ts'
import * as sortedSets from './handlers/sorted-sets.ts'
import * as streamAdd from './handlers/stream-add.ts'
import * as streamDelete from './handlers/stream-delete.ts'
import * as streamGroup from './handlers/stream-group.ts'
import * as streamInfo from './handlers/stream-info.ts'
import * as streamRead from './handlers/stream-read.ts'
import * as strings from './handlers/strings.ts'
import * as transactions from './handlers/transactions.ts'
import { growing } from './memory.ts'

type Row = readonly [
  name: string,
  arity: number,
  flags: string,
  keys: readonly [number, number, number],
  since: string,
  handler: Handler,
  summary: string,
]

const none = [0, 0, 0] as const
const one = [1, 1, 1] as const
const many = [1, -1, 1] as const
const second = [2, 2, 1] as const

const about = server.commandsWith(() => commands)
const rules = acl.aclWith(() => commands)

/** Rows of a group; a name with a bar is a subcommand. */
const groups: { readonly [group: string]: readonly Row[] } = {
  stream: [
    [
      'xadd',
      -5,
      'write fast',
      one,
      '5.0',
      streamAdd.xadd,
      'NOMKSTREAM, MAXLEN, MINID, =, ~, LIMIT, KEEPREF, DELREF, ACKED, IDMP, IDMPAUTO; *, ms-*',
    ],
    [
      'xtrim',
      -4,
      'write',
      one,
      '5.0',
      streamAdd.xtrim,
      'MAXLEN, MINID, =, ~, LIMIT, KEEPREF, DELREF, ACKED',
    ],
    ['xdel', -3, 'write fast', one, '5.0', streamAdd.xdel, ''],
    ['xdelex', -5, 'write fast', one, '8.2', streamDelete.xdelex, 'KEEPREF, DELREF, ACKED'],
    ['xackdel', -6, 'write fast', one, '8.2', streamDelete.xackdel, 'KEEPREF, DELREF, ACKED'],
    [
      'xnack',
      -7,
      'write fast',
      one,
      '8.8',
      streamDelete.xnack,
      'SILENT, FAIL, FATAL, RETRYCOUNT, FORCE',
    ],
    ['xcfgset', -2, 'write fast', one, '8.6', streamAdd.xcfgset, 'IDMP-DURATION, IDMP-MAXSIZE'],
    ['xlen', 2, 'readonly fast', one, '5.0', streamAdd.xlen, ''],
    ['xsetid', -3, 'write fast', one, '5.0', streamAdd.xsetid, 'ENTRIESADDED, MAXDELETEDID'],
    ['xrange', -4, 'readonly', one, '5.0', streamRead.xrange, 'COUNT, exclusive bounds'],
    ['xrevrange', -4, 'readonly', one, '5.0', streamRead.xrevrange, 'COUNT, exclusive bounds'],
    [
      'xread',
      -4,
      'readonly blocking',
      none,
      '5.0',
      streamRead.xread,
      'COUNT, BLOCK, MAXCOUNT, MAXSIZE, $, +',
    ],
    [
      'xreadgroup',
      -7,
      'write blocking',
      none,
      '5.0',
      streamRead.xreadgroup,
      'COUNT, BLOCK, NOACK, CLAIM, MAXCOUNT, MAXSIZE',
    ],
    ['xack', -4, 'write fast', one, '5.0', streamGroup.xack, ''],
    ['xpending', -3, 'readonly', one, '5.0', streamGroup.xpending, 'IDLE, range, consumer'],
    [
      'xclaim',
      -6,
      'write fast',
      one,
      '5.0',
      streamGroup.xclaim,
      'IDLE, TIME, RETRYCOUNT, FORCE, JUSTID, LASTID',
    ],
    ['xautoclaim', -6, 'write fast', one, '6.2', streamGroup.xautoclaim, 'COUNT, JUSTID'],
    ['xgroup', -2, 'write', none, '5.0', noHandler, ''],
    [
      'xgroup|create',
      -5,
      'write',
      second,
      '5.0',
      streamGroup.xgroupCreate,
      'MKSTREAM, ENTRIESREAD',
    ],
    ['xgroup|setid', -5, 'write', second, '5.0', streamGroup.xgroupSetId, 'ENTRIESREAD'],
    ['xgroup|destroy', 4, 'write', second, '5.0', streamGroup.xgroupDestroy, ''],
    ['xgroup|createconsumer', 5, 'write', second, '6.2', streamGroup.xgroupCreateConsumer, ''],
    ['xgroup|delconsumer', 5, 'write', second, '5.0', streamGroup.xgroupDelConsumer, ''],
    ['xgroup|help', 2, 'readonly', none, '5.0', help('XGROUP'), ''],
    ['xinfo', -2, 'readonly', none, '5.0', noHandler, ''],
    ['xinfo|stream', -3, 'readonly', second, '5.0', streamInfo.xinfoStream, 'FULL, COUNT'],
    ['xinfo|groups', 3, 'readonly', second, '5.0', streamInfo.xinfoGroups, ''],
    ['xinfo|consumers', 4, 'readonly', second, '5.0', streamInfo.xinfoConsumers, ''],
    ['xinfo|help', 2, 'readonly', none, '5.0', help('XINFO'), ''],
  ],
  generic: [
    ['del', -2, 'write', many, '1.0', keys.del, ''],
    ['unlink', -2, 'write fast', many, '4.0', keys.del, ''],
    ['exists', -2, 'readonly fast', many, '1.0', keys.exists, ''],
    ['touch', -2, 'readonly fast', many, '3.2', keys.touch, ''],
    ['type', 2, 'readonly fast', one, '1.0', keys.type, ''],
    ['keys', 2, 'readonly', none, '1.0', keys.keys, ''],
    ['scan', -2, 'readonly', none, '2.8', scans.scan, 'MATCH, COUNT, TYPE'],
    ['randomkey', 1, 'readonly', none, '1.0', keys.randomKey, ''],
    ['rename', 3, 'write', [1, 2, 1], '1.0', keys.rename, ''],
    ['renamenx', 3, 'write fast', [1, 2, 1], '1.0', keys.renameNx, ''],
    ['move', 3, 'write fast', one, '1.0', keys.moveKey, ''],
    ['expire', -3, 'write fast', one, '1.0', keys.expireWith(1000, false), 'NX, XX, GT, LT'],
    ['pexpire', -3, 'write fast', one, '2.6', keys.expireWith(1, false), 'NX, XX, GT, LT'],
    ['expireat', -3, 'write fast', one, '1.2', keys.expireWith(1000, true), 'NX, XX, GT, LT'],
    ['pexpireat', -3, 'write fast', one, '2.6', keys.expireWith(1, true), 'NX, XX, GT, LT'],
    ['ttl', 2, 'readonly fast', one, '1.0', keys.ttlWith(1000, false), ''],
    ['pttl', 2, 'readonly fast', one, '2.6', keys.ttlWith(1, false), ''],
    ['expiretime', 2, 'readonly fast', one, '7.0', keys.ttlWith(1000, true), ''],
    ['pexpiretime', 2, 'readonly fast', one, '7.0', keys.ttlWith(1, true), ''],
    ['persist', 2, 'write fast', one, '2.2', keys.persist, ''],
    ['object', -2, 'readonly', none, '2.2', noHandler, ''],
    ['object|encoding', 3, 'readonly', second, '2.2', keys.objectEncoding, ''],
    ['object|refcount', 3, 'readonly', second, '2.2', keys.objectNumber(1), 'always 1'],
    ['object|idletime', 3, 'readonly', second, '2.2', keys.objectNumber(0), 'always 0'],
    ['object|freq', 3, 'readonly', second, '4.0', keys.objectFreq, 'there is no LFU policy'],
    ['dump', 2, 'readonly', one, '2.6', keys.dumpKey, ''],
    [
      'restore',
      -4,
      'write',
      one,
      '2.6',
      keys.restoreKey,
      'plain types and streams; no packed forms',
    ],
    ['copy', -3, 'write', [1, 2, 1], '6.2', keys.copy, 'DB, REPLACE'],
    ['sort', -2, 'write', one, '1.0', keys.sort, 'LIMIT, ALPHA, STORE, BY nosort; no GET'],
    ['sort_ro', -2, 'readonly', one, '7.0', keys.sort, 'LIMIT, ALPHA, BY nosort; no GET'],
  ],
  string: [
    [
      'set',
      -3,
      'write',
      one,
      '1.0',
      strings.set,
      'NX, XX, IFEQ, IFNE, GET, EX, PX, EXAT, PXAT, KEEPTTL',
    ],
    ['setnx', 3, 'write fast', one, '1.0', strings.setNx, ''],
    ['setex', 4, 'write', one, '2.0', strings.setExWith(1000), ''],
    ['psetex', 4, 'write', one, '2.6', strings.setExWith(1), ''],
    ['get', 2, 'readonly fast', one, '1.0', strings.get, ''],
    ['getdel', 2, 'write fast', one, '6.2', strings.getDel, ''],
    ['getset', 3, 'write fast', one, '1.0', strings.getSet, ''],
    ['mget', -2, 'readonly fast', many, '1.0', strings.mget, ''],
    ['mset', -3, 'write', [1, -1, 2], '1.0', strings.mset, ''],
    ['strlen', 2, 'readonly fast', one, '2.2', strings.strlen, ''],
    ['append', 3, 'write fast', one, '2.0', strings.append, ''],
    ['getrange', 4, 'readonly', one, '2.4', strings.getRange, ''],
    ['incr', 2, 'write fast', one, '1.0', strings.incrBy(1n, false), ''],
    ['decr', 2, 'write fast', one, '1.0', strings.incrBy(-1n, false), ''],
    ['incrby', 3, 'write fast', one, '1.0', strings.incrBy(1n, true), ''],
    ['decrby', 3, 'write fast', one, '1.0', strings.incrBy(-1n, true), ''],
    ['incrbyfloat', 3, 'write fast', one, '2.6', strings.incrByFloat, ''],
  ],
  hash: [
    ['hset', -4, 'write fast', one, '2.0', hashes.hset, ''],
    ['hmset', -4, 'write fast', one, '2.0', hashes.hset, ''],
    ['hsetnx', 4, 'write fast', one, '2.0', hashes.hsetNx, ''],
    ['hget', 3, 'readonly fast', one, '2.0', hashes.hget, ''],
    ['hmget', -3, 'readonly fast', one, '2.0', hashes.hmget, ''],
    ['hgetall', 2, 'readonly', one, '2.0', hashes.hgetAll, ''],
    ['hkeys', 2, 'readonly', one, '2.0', hashes.hkeys, ''],
    ['hvals', 2, 'readonly', one, '2.0', hashes.hvals, ''],
    ['hlen', 2, 'readonly fast', one, '2.0', hashes.hlen, ''],
    ['hexists', 3, 'readonly fast', one, '2.0', hashes.hexists, ''],
    ['hdel', -3, 'write fast', one, '2.0', removeFrom('hash'), ''],
    ['hincrby', 4, 'write fast', one, '2.0', hashes.hincrBy, ''],
    ['hincrbyfloat', 4, 'write fast', one, '2.6', hashes.hincrByFloat, ''],
    ['hstrlen', 3, 'readonly fast', one, '3.2', hashes.hstrlen, ''],
    ['hscan', -3, 'readonly', one, '2.8', scans.scanOf('hash'), 'MATCH, COUNT, NOVALUES'],
  ],
  list: [
    ['lpush', -3, 'write fast', one, '1.0', lists.pushWith('left', false), ''],
    ['rpush', -3, 'write fast', one, '1.0', lists.pushWith('right', false), ''],
    ['lpushx', -3, 'write fast', one, '2.2', lists.pushWith('left', true), ''],
    ['rpushx', -3, 'write fast', one, '2.2', lists.pushWith('right', true), ''],
    ['lpop', -2, 'write fast', one, '1.0', lists.popWith('left'), ''],
    ['rpop', -2, 'write fast', one, '1.0', lists.popWith('right'), ''],
    ['blpop', -3, 'write blocking', [1, -2, 1], '2.0', lists.blockingPop('left'), ''],
    ['brpop', -3, 'write blocking', [1, -2, 1], '2.0', lists.blockingPop('right'), ''],
    ['lmove', 5, 'write', [1, 2, 1], '6.2', lists.lmove, ''],
    ['rpoplpush', 3, 'write', [1, 2, 1], '1.2', lists.rpoplpush, ''],
    ['blmove', 6, 'write blocking', [1, 2, 1], '6.2', lists.blmove, ''],
    ['brpoplpush', 4, 'write blocking', [1, 2, 1], '2.2', lists.brpoplpush, ''],
    ['lmpop', -4, 'write', none, '7.0', lists.lmpop, 'COUNT'],
    ['blmpop', -5, 'write blocking', none, '7.0', lists.lmpop, 'COUNT'],
    ['linsert', 5, 'write', one, '2.2', lists.linsert, ''],
    ['lpos', -3, 'readonly', one, '6.0', lists.lpos, 'RANK, COUNT, MAXLEN'],
    ['llen', 2, 'readonly fast', one, '1.0', lists.llen, ''],
    ['lrange', 4, 'readonly', one, '1.0', lists.lrange, ''],
    ['ltrim', 4, 'write', one, '1.0', lists.ltrim, ''],
    ['lindex', 3, 'readonly', one, '1.0', lists.lindex, ''],
    ['lset', 4, 'write', one, '1.0', lists.lset, ''],
    ['lrem', 4, 'write', one, '1.0', lists.lrem, ''],
  ],
  set: [
    ['sadd', -3, 'write fast', one, '1.0', sets.sadd, ''],
    ['srem', -3, 'write fast', one, '1.0', removeFrom('set'), ''],
    ['smembers', 2, 'readonly', one, '1.0', sets.smembers, ''],
    ['sismember', 3, 'readonly fast', one, '1.0', sets.sismember, ''],
    ['smismember', -3, 'readonly fast', one, '6.2', sets.smismember, ''],
    ['smove', 4, 'write fast', [1, 2, 1], '1.0', sets.smove, ''],
    ['sinter', -2, 'readonly', many, '1.0', sets.combine('inter', false), ''],
    ['sunion', -2, 'readonly', many, '1.0', sets.combine('union', false), ''],
    ['sdiff', -2, 'readonly', many, '1.0', sets.combine('diff', false), ''],
    ['sinterstore', -3, 'write', many, '1.0', sets.combine('inter', true), ''],
    ['sunionstore', -3, 'write', many, '1.0', sets.combine('union', true), ''],
    ['sdiffstore', -3, 'write', many, '1.0', sets.combine('diff', true), ''],
    ['scard', 2, 'readonly fast', one, '1.0', sets.scard, ''],
    ['spop', -2, 'write fast', one, '1.0', sets.spop, ''],
    ['srandmember', -2, 'readonly', one, '1.0', sets.srandmember, ''],
    ['sscan', -3, 'readonly', one, '2.8', scans.scanOf('set'), 'MATCH, COUNT'],
  ],
  'sorted-set': [
    ['zadd', -4, 'write fast', one, '1.2', sortedSets.zadd, 'NX, XX, GT, LT, CH, INCR'],
    ['zincrby', 4, 'write fast', one, '1.2', sortedSets.zincrBy, ''],
    ['zrem', -3, 'write fast', one, '1.2', removeFrom('zset'), ''],
    ['zscore', 3, 'readonly fast', one, '1.2', sortedSets.zscore, ''],
    ['zcard', 2, 'readonly fast', one, '1.2', sortedSets.zcard, ''],
    ['zscan', -3, 'readonly', one, '2.8', scans.scanOf('zset'), 'MATCH, COUNT'],
    ['zrank', 3, 'readonly fast', one, '2.0', sortedSets.zrankFrom('lowest'), ''],
    ['zrevrank', 3, 'readonly fast', one, '2.0', sortedSets.zrankFrom('highest'), ''],
    ['zmscore', -3, 'readonly fast', one, '6.2', sortedSets.zmscore, ''],
    ['zcount', 4, 'readonly fast', one, '2.0', sortedSets.zcount, ''],
    [
      'zrange',
      -4,
      'readonly',
      one,
      '1.2',
      sortedSets.zrangeWith('any'),
      'BYSCORE, REV, LIMIT, WITHSCORES',
    ],
    [
      'zrangebyscore',
      -4,
      'readonly',
      one,
      '1.0',
      sortedSets.zrangeWith('score'),
      'LIMIT, WITHSCORES',
    ],
    ['zrevrange', -4, 'readonly', one, '1.2', sortedSets.zrangeWith('reverse'), 'WITHSCORES'],
    [
      'zrevrangebyscore',
      -4,
      'readonly',
      one,
      '2.2',
      sortedSets.zrangeWith('reverse-score'),
      'LIMIT, WITHSCORES',
    ],
    ['zpopmin', -2, 'write fast', one, '5.0', sortedSets.zpopWith('min'), ''],
    ['zpopmax', -2, 'write fast', one, '5.0', sortedSets.zpopWith('max'), ''],
    ['bzpopmin', -3, 'write fast blocking', [1, -2, 1], '5.0', sortedSets.blockingZpop('min'), ''],
    ['bzpopmax', -3, 'write fast blocking', [1, -2, 1], '5.0', sortedSets.blockingZpop('max'), ''],
    ['zmpop', -4, 'write', none, '7.0', sortedSets.zmpop, 'COUNT'],
    ['bzmpop', -5, 'write blocking', none, '7.0', sortedSets.zmpop, 'COUNT'],
    ['zremrangebyscore', 4, 'write', one, '1.2', sortedSets.zremRangeBy('score'), ''],
    ['zremrangebyrank', 4, 'write', one, '2.0', sortedSets.zremRangeBy('rank'), ''],
  ],
  transactions: [
    ['multi', 1, 'fast immediate', none, '1.2', transactions.multi, ''],
    ['exec', 1, 'immediate', none, '1.2', transactions.exec, 'one batch on the disk'],
    ['discard', 1, 'fast immediate', none, '2.0', transactions.discard, ''],
    ['watch', -2, 'fast immediate', many, '2.2', transactions.watch, ''],
    ['unwatch', 1, 'fast', none, '2.2', transactions.unwatch, ''],
  ],
  pubsub: [
    ['subscribe', -2, 'pubsub subscriber', none, '2.0', pubsub.subscribeTo('channels'), ''],
    ['unsubscribe', -1, 'pubsub subscriber', none, '2.0', pubsub.unsubscribeFrom('channels'), ''],
    ['psubscribe', -2, 'pubsub subscriber', none, '2.0', pubsub.subscribeTo('patterns'), ''],
    ['punsubscribe', -1, 'pubsub subscriber', none, '2.0', pubsub.unsubscribeFrom('patterns'), ''],
    ['ssubscribe', -2, 'pubsub subscriber', none, '7.0', pubsub.subscribeTo('shardChannels'), ''],
    [
      'sunsubscribe',
      -1,
      'pubsub subscriber',
      none,
      '7.0',
      pubsub.unsubscribeFrom('shardChannels'),
      '',
    ],
    ['publish', 3, 'pubsub fast', none, '2.0', pubsub.publish, ''],
    ['spublish', 3, 'pubsub fast', none, '7.0', pubsub.spublish, ''],
    ['pubsub', -2, 'pubsub', none, '2.8', noHandler, ''],
    ['pubsub|channels', -2, 'pubsub', none, '2.8', pubsub.pubsubChannels, ''],
    ['pubsub|numsub', -2, 'pubsub', none, '2.8', pubsub.pubsubNumsub, ''],
    ['pubsub|numpat', 2, 'pubsub', none, '2.8', pubsub.pubsubNumpat, ''],
  ],
  connection: [
    ['auth', -2, 'fast no-auth', none, '1.0', connections.auth, ''],
    ['hello', -1, 'fast no-auth', none, '6.0', connections.hello, 'RESP2 and RESP3'],
    ['ping', -1, 'fast subscriber', none, '1.0', connections.ping, ''],
    ['echo', 2, 'fast', none, '1.0', connections.echo, ''],
    ['quit', -1, 'fast no-auth subscriber immediate', none, '1.0', connections.quit, ''],
    ['reset', 1, 'fast no-auth subscriber immediate', none, '6.2', connections.reset, ''],
    ['select', 2, 'fast', none, '1.0', connections.select, '0 to 15'],
    ['readonly', 1, 'fast', none, '3.0', server.clusterDisabled, 'cluster support is disabled'],
    ['readwrite', 1, 'fast', none, '3.0', server.clusterDisabled, 'cluster support is disabled'],
    ['client', -2, 'admin', none, '2.4', noHandler, ''],
    ['client|id', 2, 'fast', none, '5.0', connections.clientId, ''],
    ['client|info', 2, 'fast', none, '6.2', connections.clientInfo, ''],
    ['client|list', -2, 'admin', none, '2.4', connections.clientList, ''],
    [
      'client|kill',
      -3,
      'admin',
      none,
      '2.4',
      connections.clientKill,
      'address; ID, ADDR, LADDR, USER, TYPE, SKIPME, MAXAGE',
    ],
    ['client|pause', -3, 'admin', none, '3.0', connections.clientPause, 'WRITE, ALL'],
    ['client|unpause', 2, 'admin', none, '6.2', connections.clientUnpause, ''],
    ['client|getname', 2, 'fast', none, '2.6', connections.clientGetName, ''],
    ['client|setname', 3, 'fast', none, '2.6', connections.clientSetName, ''],
    ['client|setinfo', 4, 'fast', none, '7.2', connections.clientSetInfo, ''],
    ['client|reply', 3, 'fast', none, '3.2', connections.clientReply, 'ON, OFF, SKIP'],
    ['client|unblock', -3, 'admin', none, '5.0', connections.clientUnblock, 'TIMEOUT, ERROR'],
    ['client|no-evict', 3, 'admin', none, '7.0', connections.ok, 'accepted, without effect'],
    ['client|no-touch', 3, 'fast', none, '7.2', connections.ok, 'accepted, without effect'],
    ['client|tracking', -3, 'fast', none, '6.0', connections.clientTracking, 'ON is refused'],
    ['client|caching', 3, 'fast', none, '6.0', connections.clientCaching, ''],
    ['client|trackinginfo', 2, 'fast', none, '6.2', connections.clientTrackingInfo, 'off'],
    ['client|getredir', 2, 'fast', none, '6.0', connections.clientGetRedir, ''],
  ],
  server: [
    ['info', -1, '', none, '1.0', server.info, ''],
    ['config', -2, 'admin', none, '2.0', noHandler, ''],
    ['config|get', -3, 'admin', none, '2.0', server.configGet, ''],
    ['config|set', -4, 'admin', none, '2.0', server.configSet, 'known settings only'],
    ['config|resetstat', 2, 'admin', none, '2.0', server.configResetStat, ''],
    ['command', -1, '', none, '2.8', about.all, ''],
    ['command|count', 2, '', none, '2.8', about.count, ''],
    ['command|info', -2, '', none, '2.8', about.info, ''],
    ['command|docs', -2, '', none, '7.0', about.docs, ''],
    ['command|list', -2, '', none, '7.0', about.list, ''],
    ['command|getkeys', -3, '', none, '2.8', about.getKeys, ''],
    ['time', 1, 'fast', none, '2.6', server.time, ''],
    ['dbsize', 1, 'readonly fast', none, '1.0', keys.dbSize, ''],
    ['flushdb', -1, 'write', none, '1.0', keys.flushDb, ''],
    ['flushall', -1, 'write', none, '1.0', keys.flushAll, ''],
    ['swapdb', 3, 'write fast', none, '4.0', keys.swapDb, ''],
    ['role', 1, 'fast', none, '2.8', server.role, 'always master'],
    ['lastsave', 1, 'fast', none, '1.0', server.lastSave, ''],
    ['wait', 3, 'blocking', none, '3.0', server.zero, 'there are no replicas'],
    ['waitaof', 4, 'blocking', none, '7.2', server.waitAof, 'every reply waits for the disk'],
    ['memory', -2, 'readonly', none, '4.0', noHandler, ''],
    ['memory|usage', -3, 'readonly', second, '4.0', server.memoryUsage, 'a constant'],
    ['slowlog', -2, 'admin', none, '2.2', server.emptyArray, 'empty'],
    ['latency', -2, 'admin', none, '2.8', server.emptyArray, 'empty'],
    ['cluster', -2, '', none, '3.0', server.clusterDisabled, 'cluster support is disabled'],
    ['acl', -2, 'admin', none, '6.0', noHandler, ''],
    ['acl|whoami', 2, '', none, '6.0', acl.whoAmI, ''],
    ['acl|list', 2, 'admin', none, '6.0', acl.list, ''],
    ['acl|users', 2, 'admin', none, '6.0', acl.users, ''],
    ['acl|getuser', 3, 'admin', none, '6.0', acl.getUser, 'no selectors'],
    [
      'acl|setuser',
      -3,
      'admin',
      none,
      '6.0',
      rules.setUser,
      'commands, keys, channels; no selectors',
    ],
    ['acl|deluser', -3, 'admin', none, '6.0', acl.delUser, ''],
    ['acl|cat', -2, '', none, '6.0', rules.cat, ''],
    ['acl|dryrun', -4, 'admin', none, '7.0', rules.dryRun, ''],
    ['acl|genpass', -2, '', none, '6.0', acl.genPass, ''],
    ['acl|log', -2, 'admin', none, '6.0', server.emptyArray, 'empty'],
    ['function', -2, '', none, '7.0', noHandler, ''],
    ['function|flush', -2, 'write', none, '7.0', connections.ok, 'there are none'],
    ['eval', -3, '', none, '2.6', server.noScript, 'refused: no Lua'],
    ['evalsha', -3, '', none, '2.6', server.noScript, 'refused: no Lua'],
    ['script', -2, '', none, '2.6', server.noScript, 'refused: no Lua'],
  ],
}

/** Containers have subcommands; they themselves do nothing. */
function noHandler(): void {}

function help(name: string): Handler {
  return session => {
    const rows = groups['stream']!.filter(([row]) => row.startsWith(`${name.toLowerCase()}|`))
    const lines = rows.map(([row, , , , , , summary]) =>
      `${row.split('|')[1]!.toUpperCase()} ${summary}`.trimEnd(),
    )
    const title = `${name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`
    session.reply.array(lines.length + 1)
    for (const line of [title, ...lines]) session.reply.simple(line)
  }
}

export const commands: ReadonlyMap<string, Command> = build()

function build(): Map<string, Command> {
  const built = new Map<string, Command>()
  let index = 0
  for (const [group, rows] of Object.entries(groups)) {
    for (const [name, arity, flags, places, since, handler, summary] of rows) {
      const flagList = flags === '' ? [] : flags.split(' ')
      const isGrowing = growing.has(name)
      if (isGrowing) flagList.splice(1, 0, 'denyoom')
      const command: Command = {
        ...{ name, arity, flags: flagList, keys: places, since, group, summary, handler },
        index: index++,
        minor: minorOf(since),
        isOpen: flagList.includes('no-auth'),
        isImmediate: flagList.includes('immediate'),
        isForSubscribers: flagList.includes('subscriber'),
        isGrowing,
      }
      const [container, subcommand] = name.split('|')
      if (subcommand === undefined) built.set(name, command)
      else {
        const parent = built.get(container!)!
        const subcommands = new Map(parent.subcommands)
        subcommands.set(subcommand, command)
        built.set(container!, { ...parent, subcommands })
      }
    }
  }
  return built
}

/** Commands by a number made of their name's letters, so that no text is made to look one up. */
const byHash: Command[][] = Array.from({ length: 1024 }, () => [])
for (const command of commands.values()) {
  const bytes = Uint8Array.from(command.name, sign => sign.charCodeAt(0))
  byHash[hashOf(bytes, 0, bytes.length)]!.push(command)
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at]! | 0x20)) | 0
  return (hash ^ (hash >>> 10)) & 1023
}

/** The command, or the error that Redis gives. */
export function findCommand(broker: Broker, request: Request): Command | string {
  const start = request.starts[0]!
  const end = request.ends[0]!
  for (const command of byHash[hashOf(request.bytes, start, end)]!) {
    const { name } = command
    if (name.length !== end - start || !isName(name, request.bytes, start)) continue
    if (command.minor > broker.minor) break
    if (command.subcommands === undefined || request.count < 2) return command
    return findSubcommand(broker, command, request)
  }
  return unknown(request)
}

function isName(name: string, bytes: Uint8Array, start: number): boolean {
  for (let index = 0; index < name.length; index++) {
    const byte = bytes[start + index]!
    const small = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
    if (small !== name.charCodeAt(index)) return false
  }
  return true
}

function findSubcommand(broker: Broker, command: Command, request: Request): Command | string {
  const subcommand = command.subcommands!.get(request.text(1).toLowerCase())
  if (subcommand !== undefined && subcommand.minor <= broker.minor) return subcommand
  const word = request.text(1).slice(0, 128)
  return `ERR unknown subcommand '${word}'. Try ${command.name.toUpperCase()} HELP.`
}

function unknown(request: Request): string {
  let rest = ''
  for (let at = 1; at < request.count && rest.length < 128; at++) {
    rest += `'${request.text(at).slice(0, 128 - rest.length)}' `
  }
  return `ERR unknown command '${request.text(0).slice(0, 128)}', with args beginning with: ${rest}`
}
