import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommandFailure } from './failure.ts'
import type { Option } from './option.ts'
import {
  flagOf,
  optionKeys,
  options,
  parseFlags,
  printOption,
  resolveOptions,
  variableOf,
} from './options.ts'
import { suggest } from './suggestion.ts'

interface Sources {
  readonly args?: readonly string[]
  readonly environment?: { readonly [name: string]: string }
  readonly file?: { readonly [key: string]: unknown }
}

function resolve({ args = [], environment = {}, file }: Sources) {
  return resolveOptions({
    flags: parseFlags(args).flags,
    environment,
    file: file === undefined ? undefined : { name: 'spillway.config.json', values: file },
  })
}

function usage(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof CommandFailure)
    assert.equal(error.exitCode, 2)
    return error.message
  }
  assert.fail('it was accepted')
}

test('a flag wins over the variable, the variable over the file, the file over the default', () => {
  const environment = { SPILLWAY_AMQP: '2' }
  const file = { amqp: 3 }
  const all = resolve({ args: ['--amqp=1'], environment, file })
  assert.equal(all.settings.amqp, 1)
  assert.deepEqual(all.origins.amqp, { kind: 'flag', name: '--amqp' })

  const variable = resolve({ environment, file })
  assert.equal(variable.settings.amqp, 2)
  assert.deepEqual(variable.origins.amqp, { kind: 'variable', name: 'SPILLWAY_AMQP' })

  const fromFile = resolve({ file })
  assert.equal(fromFile.settings.amqp, 3)
  assert.deepEqual(fromFile.origins.amqp, { kind: 'file', name: 'spillway.config.json: amqp' })

  const fallback = resolve({})
  assert.equal(fallback.settings.amqp, 5672)
  assert.equal(fallback.origins.amqp.kind, 'default')
})

test('names of flags and variables are derived from the key', () => {
  assert.equal(flagOf('portOffset'), 'port-offset')
  assert.equal(variableOf('portOffset'), 'SPILLWAY_PORT_OFFSET')
  assert.equal(new Set(optionKeys.map(flagOf)).size, optionKeys.length)
})

test('a port flag without a port is the default port, and takes the next word if it is one', () => {
  assert.equal(resolve({ args: ['--amqp', '--http=off'] }).settings.amqp, 5672)
  assert.equal(resolve({ args: ['--amqp', '5673'] }).settings.amqp, 5673)
  assert.equal(resolve({ args: ['--amqp', 'off'] }).settings.amqp, 'off')
  assert.deepEqual(parseFlags(['--amqp', 'queues']).words, ['queues'])
})

test('values are read by their kind', () => {
  const { settings } = resolve({
    args: ['--durability=interval:250', '--max-disk', '10GB', '--memory', '-n', '5', 'peek', 'q'],
  })
  assert.deepEqual(settings.durability, { kind: 'interval', ms: 250 })
  assert.equal(settings.maxDisk, 10e9)
  assert.equal(settings.memory, true)
  assert.equal(settings.count, 5)
  assert.equal(printOption('durability', settings.durability), 'interval:250')
})

test('a wrong value names its source and says what is expected', () => {
  assert.match(
    usage(() => resolve({ args: ['--amqp=x'] })),
    /^--amqp expects a port .* not “x”/,
  )
  assert.match(
    usage(() => resolve({ args: ['--disk-free-min=0B'] })),
    /^--disk-free-min expects at least 1MB/,
  )
  const environment = { SPILLWAY_DURABILITY: 'sometimes' }
  assert.match(
    usage(() => resolve({ environment })),
    /^SPILLWAY_DURABILITY expects always/,
  )
  const file = { maxDisk: 'much' }
  assert.match(
    usage(() => resolve({ file })),
    /^spillway\.config\.json: maxDisk expects a size/,
  )
})

test('an unknown flag or key is refused, with the one that was probably meant', () => {
  assert.match(
    usage(() => parseFlags(['--dta', 'x'])),
    /there is no --dta\. Did you mean data\?/,
  )
  const file = { portOfset: 1 }
  assert.match(
    usage(() => resolve({ file })),
    /“portOfset”\. Did you mean portOffset\?/,
  )
  assert.equal(suggest('something', ['else']), '')
})

test('what acts on one call cannot be set for good', () => {
  assert.equal(resolve({ environment: { SPILLWAY_COUNT: '3' } }).settings.count, undefined)
  assert.match(
    usage(() => resolve({ file: { count: 3 } })),
    /unknown key “count”/,
  )
})

test('an empty variable is as good as none', () => {
  assert.equal(resolve({ environment: { SPILLWAY_HOST: '' } }).settings.host, '127.0.0.1')
})

test('each default is printed as it may be typed', () => {
  for (const key of optionKeys) {
    const option: Option<unknown> = options[key]
    const printed = printOption(key, option.fallback)
    if (printed !== '') assert.deepEqual(option.parse(printed), option.fallback, key)
  }
})
