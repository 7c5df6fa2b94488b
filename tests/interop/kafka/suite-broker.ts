/**
 * `node dist/tests/interop/kafka/suite-broker.js --cert FILE --key FILE [--port 9092]`
 *
 * A broker as kafkajs' own suite wants its cluster: three ports in a row, plaintext, TLS, and SASL
 * over TLS, on `localhost`; two partitions unless a topic says otherwise; the users of its compose
 * file. It speaks as Kafka 2.4, which is the newest that the suite knows. It runs until it is told
 * to stop.
 */

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { encodeUtf8 } from '../../../src/base/bytes.ts'
import { openEngine } from '../../../src/engine/engine.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { systemRandom } from '../../../src/platform/random.ts'
import { openFolder } from '../../../src/platform/storage.ts'
import { netTransport } from '../../../src/platform/transport.ts'
import { Credentials } from '../../../src/servers/kafka/credentials.ts'
import { isProfileName } from '../../../src/servers/kafka/profiles.ts'
import { kafkaServer } from '../../../src/servers/kafka/server.ts'
import { Connections } from '../../../src/servers/listener.ts'
import { type Mechanism, saltPassword } from '../../../src/wire/kafka/scram.ts'
import { temporaryFolder } from '../../harness/process.ts'

const { values } = parseArgs({
  options: {
    cert: { type: 'string' },
    key: { type: 'string' },
    port: { type: 'string', default: '9092' },
    profile: { type: 'string', default: '2.4' },
  },
})
if (values.cert === undefined || values.key === undefined || !isProfileName(values.profile)) {
  throw new Error('usage: --cert FILE --key FILE [--port N] [--profile VERSION]')
}
const passwords = new Map([
  ['test', 'testtest'],
  ['bob', 'bobbob'],
  ['alice', 'alicealice'],
])
const scram: readonly [Mechanism, password: string][] = [
  ['SCRAM-SHA-256', 'testtestscram=256'],
  ['SCRAM-SHA-512', 'testtestscram=512'],
]

const engine = openEngine({
  clock: systemClock,
  storage: openFolder(temporaryFolder('suite')),
  random: systemRandom,
})
const credentials = new Credentials(engine)
for (const [mechanism, password] of scram) {
  const given = { salt: encodeUtf8('salt of the suite'), iterations: 4096 }
  const saltedPassword = saltPassword(mechanism, password, given)
  credentials.set('testscram', mechanism, { ...given, saltedPassword })
}
const server = kafkaServer({
  engine,
  clock: systemClock,
  random: systemRandom,
  partitions: 2,
  profile: values.profile,
  anyReplication: true,
})
const authenticated = server.behind({
  authenticate: (user, password) => passwords.get(user) === password,
})
const tls = { cert: readFileSync(values.cert, 'utf8'), key: readFileSync(values.key, 'utf8') }
const connections = new Connections({ clock: systemClock, engine })
const first = Number(values.port)
const ports = [
  { server, tls: undefined },
  { server, tls },
  { server: authenticated, tls },
]
for (const [index, port] of ports.entries()) {
  const transport = netTransport({ tls: port.tls })
  const address = { host: '127.0.0.1', port: first + index }
  await connections.listen({ server: port.server, transport, address })
}
console.log(`ready: ${first} plaintext, ${first + 1} TLS, ${first + 2} SASL over TLS`)
process.once('SIGTERM', () => process.exit(0))
