/**
 * Who may import whom: the table of docs/architecture.md as data. A row is the longest folder that
 * a file's path begins with. What a row does not name is not allowed; files of one row may always
 * import one another.
 */

export interface Boundary {
  /** Folders, or single files, of the repository. */
  readonly may: readonly string[]
  /** Built-in modules, without `node:`; `*` is all of them. */
  readonly builtIn: readonly string[]
  /** npm packages; `*` is all that package.json names. */
  readonly packages: readonly string[]
  /** What to do instead, for the message. */
  readonly instead: string
}

/** What the engine shows to others. The rest of its folder is its own. */
const engineDoor = ['engine', 'model', 'errors', 'ports', 'limits'].map(
  name => `src/engine/${name}.ts`,
)

/** What the engine and the servers want from the world: a port belongs to the one who asks. */
const ports = ['src/engine/ports.ts', 'src/servers/transport.ts']

function server(protocol: string): Boundary {
  return {
    may: ['src/base', `src/wire/${protocol}`, 'src/wire/schema', 'src/servers/*', ...engineDoor],
    builtIn: [],
    packages: [],
    instead: `a server imports base, its own wire/${protocol} and the engine's door; what two servers share belongs in src/servers/`,
  }
}

function codec(protocol: string): Boundary {
  return {
    may: ['src/base', 'src/wire/schema', `src/wire/${protocol}`],
    builtIn: [],
    packages: [],
    instead: 'a codec imports base and wire/schema only; what two codecs share belongs there',
  }
}

function driver(packages: readonly string[]): Boundary {
  return {
    may: ['src/base', 'src/client/*', 'src/engine/ports.ts'],
    builtIn: ['*'],
    packages,
    instead: 'a driver imports base, the client and its own npm client',
  }
}

export const boundaries: { readonly [folder: string]: Boundary } = {
  'src/base': { may: [], builtIn: [], packages: [], instead: 'base imports nothing' },
  'src/wire': {
    may: ['src/base'],
    builtIn: [],
    packages: [],
    instead:
      'wire imports base only; a file that needs buffer, zlib or crypto is named in the table',
  },
  'src/wire/schema': codec('schema'),
  'src/wire/amqp': codec('amqp'),
  'src/wire/kafka': codec('kafka'),
  'src/wire/resp': codec('resp'),
  'src/wire/sqs': codec('sqs'),
  'src/engine': {
    may: ['src/base'],
    builtIn: [],
    packages: [],
    instead:
      'the engine imports base only; what it wants from the world is a port in engine/ports.ts',
  },
  'src/platform': {
    may: ['src/base', ...ports],
    builtIn: ['*'],
    packages: [],
    instead: 'platform implements the ports and imports nothing else of ours but base',
  },
  'src/testing': {
    may: ['src/base', ...ports],
    builtIn: [],
    packages: [],
    instead: 'testing runs in a browser: it imports base and the ports only',
  },
  'src/harness': {
    may: [
      'src/base',
      'src/client',
      'src/engine/ports.ts',
      ...engineDoor,
      'src/platform',
      'src/servers',
      'src/testing',
    ],
    builtIn: ['test'],
    packages: [],
    instead:
      'the harness puts servers, engine, platform and client together; their insides stay theirs',
  },
  'src/simulator': {
    may: ['src/base', 'src/testing', ...engineDoor],
    builtIn: [],
    packages: [],
    instead:
      "the simulator runs in a browser: it imports base, the simulated world and the engine's door",
  },
  'src/servers': {
    may: ['src/base', ...engineDoor],
    builtIn: [],
    packages: [],
    instead: "what all servers share imports base and the engine's door only",
  },
  'src/servers/amqp': server('amqp'),
  'src/servers/kafka': server('kafka'),
  'src/servers/redis': server('resp'),
  'src/servers/sqs': server('sqs'),
  'src/client': {
    may: [
      'src/base',
      'src/client',
      'src/engine/ports.ts',
      'src/platform/clock.ts',
      'src/platform/random.ts',
    ],
    builtIn: [],
    // Optional: without it nothing is traced.
    packages: ['@opentelemetry/api'],
    instead: 'the client imports base; what speaks to a backend is a driver in client/drivers/',
  },
  'src/client/drivers/embedded': {
    may: [
      'src/base',
      'src/client/*',
      'src/engine',
      'src/platform',
      'src/testing/storage.ts',
      'src/wire/amqp',
    ],
    builtIn: ['*'],
    packages: [],
    instead: 'the embedded driver imports the client, the engine and platform',
  },
  'src/client/drivers/rabbitmq': driver(['rabbitmq-client', 'amqplib']),
  'src/client/drivers/kafka': driver(['@platformatic/kafka']),
  'src/client/drivers/sqs': driver(['@aws-sdk/client-sqs']),
  'src/client/drivers/redis': driver(['@redis/client']),
  'src/conformance': {
    may: ['src/base', 'src/client/client.ts', 'src/engine/ports.ts'],
    builtIn: ['assert/strict'],
    packages: [],
    instead: "the suite uses what an application uses: the client's door",
  },
  'src/admin': {
    may: ['src/base', ...engineDoor],
    builtIn: ['http', 'https'],
    packages: ['hono', '@hono/node-server', 'prom-client'],
    instead: "admin imports base and the engine's door; the cli hands it everything else",
  },
  'src/cli': { may: ['src'], builtIn: ['*'], packages: ['*'], instead: 'add it to package.json' },
  tests: {
    may: ['src', 'bench'],
    builtIn: ['*'],
    packages: ['*'],
    instead: 'add it to package.json',
  },
  bench: {
    may: ['src', 'tests'],
    builtIn: ['*'],
    packages: ['*'],
    instead: 'add it to package.json',
  },
  examples: {
    may: [],
    builtIn: ['*'],
    packages: ['*'],
    instead: 'an example uses the published names only',
  },
}

/** A unit test beside its subject may also use the simulated world, and every built-in module. */
export const unitTestMay = ['src/testing']

/** Files of `wire` that may use a built-in module, and which. */
export const builtInInWire: { readonly [path: string]: readonly string[] } = {
  // The protocol asks for MD5 sums of bodies and attributes.
  'src/wire/sqs/digest.ts': ['crypto'],
  // A login by SCRAM is made of digests.
  'src/wire/kafka/scram.ts': ['crypto'],
  'src/wire/resp/password.ts': ['crypto'],
  // Older clients are answered in their own format, whatever the batch was compressed with.
  'src/wire/kafka/compression.ts': ['zlib'],
}

/** Words that belong to one protocol. The engine and base know none of them. */
export const protocolWords = [
  'amqp',
  'kafka',
  'sqs',
  'redis',
  'topic',
  'partition',
  'exchange',
  'channel',
  'xadd',
  'visibility',
  'receipt',
]

/** Where the engine may say one of them all the same: the one list that numbers the formats. */
export const wordExceptions: readonly { readonly path: string; readonly text: string }[] = [
  // A record's envelope is tagged with its protocol's number, and the numbers need one owner. The
  // engine compares them only with 0, so this line is a registry, not knowledge.
  { path: 'src/engine/model.ts', text: 'export const formats = {' },
]

/** Globals that belong to the real world, and what to use instead. */
export const worldlyGlobals: { readonly [name: string]: string } = {
  Date: 'the clock port (`ports.clock.now()`)',
  performance: 'the clock port (`ports.clock.monotonic()`)',
  setTimeout: 'the clock port (`ports.clock.schedule`)',
  setInterval: 'the clock port (`ports.clock.schedule`)',
  setImmediate: 'the clock port (`ports.clock.soon`)',
  clearTimeout: "the timer's own `cancel()`",
  clearInterval: "the timer's own `cancel()`",
  clearImmediate: "the timer's own `cancel()`",
  queueMicrotask: 'the clock port (`ports.clock.soon`)',
  process: 'a value that cli/ passes in',
  'Math.random': 'the random port (`ports.random.uint32()`)',
}

/** Folders of `src` where those globals may be used. */
export const worldlyFolders = ['src/platform/', 'src/cli/']

/** `Buffer` and `require` exist on Node only; these folders also run in a browser. */
export const browserFolders = [
  'src/base/',
  'src/wire/',
  'src/engine/',
  'src/testing/',
  'src/simulator/',
]

/** Files that may re-export beside the doors that package.json exports. */
export const furtherDoors: readonly string[] = []

/** Where a program begins, beside the tests and the files that package.json exports. */
export const entries = [
  'src/cli/main.ts',
  'tests/main.ts',
  'tests/tidy/write-pages.ts',
  'tests/client/run.ts',
  'tests/sim/main.ts',
  'tests/crash/main.ts',
  'tests/fixtures/write-storage.ts',
  'tests/hostile/main.ts',
  'tests/studio/screenshots.ts',
  'tests/transcripts/record.ts',
  'tests/interop/main.ts',
  'tests/interop/kafka/suite-broker.ts',
  'bench/main.ts',
]

/**
 * Being built, not wired yet: nothing need lead to the files of these folders. This list is empty
 * in a release. A folder leaves it with the change that makes the program import it, and the rule
 * says so when that is forgotten.
 */
export const beingBuilt: readonly { readonly folder: string; readonly since: string }[] = []
