import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { allReachable } from './import-rules.ts'
import { longestFunctions } from './longest.ts'
import { rules } from './rules.ts'
import { tokensOf } from './source.ts'
import { treeOf } from './tree.ts'

/** A small repository in which nothing is wrong. */
const sound = {
  'package.json': JSON.stringify({
    name: 'spillway',
    bin: { spillway: './dist/src/cli/main.js' },
    exports: { './engine': { default: './dist/src/engine/engine.js' } },
    dependencies: { pino: '1' },
  }).concat('\n'),
  'README.md': 'See [the door](src/engine/engine.ts) and [a page](https://example.org/).\n',
  'src/base/ring.ts': '/** A ring. */\nexport const ring = 1\n',
  'src/base/ring.test.ts': "import { test } from 'node:test'\nimport { ring } from './ring.ts'\n",
  'src/engine/engine.ts':
    "/** The door. */\nimport { ring } from '../base/ring.ts'\nimport './state/queue.ts'\nexport const open = () => ring\n",
  'src/engine/state/queue.ts': '/** A queue. */\nexport const x = 1\n',
  'src/engine/ports.ts': '/** The ports. */\nexport interface Clock {}\n',
  'src/platform/clock.ts':
    "/** The clock. */\nimport type { Clock } from '../engine/ports.ts'\nexport const now = Date.now\n",
  'src/cli/main.ts':
    "#!/usr/bin/env node\n/** The start. */\nimport pino from 'pino'\nimport '../platform/clock.ts'\nimport '../servers/amqp/session.ts'\n",
  'src/servers/amqp/session.ts': '/** A session. */\nexport const date = { process: 1 }\n',
}

interface Case {
  readonly rule: keyof typeof rules & string
  readonly because: string
  readonly path: string
  readonly text: string
  /** Part of the message: what to do instead, where there is something. */
  readonly says: RegExp
}

const says = (text: string) => `/** A file. */\n${text}\n`
const imports = (specifier: string) => says(`import { x } from '${specifier}'`)

const table = 'a folder imports only what the table allows'
const words = "the engine and base know no protocol's word"
const worldly = 'time, randomness and the process stay in platform and cli'
const browser = "what runs in a browser uses no name of Node's"
const syntax = 'no default exports, enums, namespaces or decorators'
const barrels = 'only a public door re-exports'
const names = 'names are kebab-case and say something'
const leftovers = 'no notes to oneself and no code in comments'
const lines = 'lines fit and end cleanly'
const opens = 'a source file begins with what it is'
const reachable = 'every source file is reachable from an entry'
const places = 'nothing names a registry or a machine'
const links = 'every link in a page leads to a file'

const engine = 'src/engine/engine.ts'
const session = 'src/servers/amqp/session.ts'

const cases: readonly Case[] = [
  {
    rule: table,
    because: 'base imports the engine',
    path: 'src/base/ring.ts',
    text: imports('../engine/ports.ts'),
    says: /imports nothing/,
  },
  {
    rule: table,
    because: 'the engine imports a server',
    path: engine,
    text: imports('../servers/amqp/session.ts'),
    says: /a port in engine\/ports/,
  },
  {
    rule: table,
    because: 'the engine imports a built-in module',
    path: engine,
    text: imports('node:fs'),
    says: /a port in engine\/ports/,
  },
  {
    rule: table,
    because: 'a server imports the inside of the engine',
    path: session,
    text: imports('../../engine/state/queue.ts'),
    says: /the engine's door/,
  },
  {
    rule: table,
    because: 'a server imports platform',
    path: session,
    text: imports('../../platform/clock.ts'),
    says: /the engine's door/,
  },
  {
    rule: table,
    because: "a server imports another protocol's folder",
    path: 'src/servers/sqs/a.ts',
    text: imports('../amqp/session.ts'),
    says: /belongs in src\/servers/,
  },
  {
    rule: table,
    because: 'what servers share imports one of them',
    path: 'src/servers/a.ts',
    text: imports('./amqp/session.ts'),
    says: /the engine's door/,
  },
  {
    rule: table,
    because: 'platform imports the engine',
    path: 'src/platform/clock.ts',
    text: imports('../engine/engine.ts'),
    says: /implements the ports/,
  },
  {
    rule: table,
    because: 'testing imports platform',
    path: 'src/testing/a.ts',
    text: imports('../platform/clock.ts'),
    says: /browser/,
  },
  {
    rule: table,
    because: 'an unnamed package',
    path: 'src/cli/main.ts',
    text: imports('left-pad'),
    says: /package\.json/,
  },
  {
    rule: table,
    because: 'an import that leads nowhere',
    path: engine,
    text: imports('../base/none.ts'),
    says: /no file/,
  },
  {
    rule: table,
    because: 'a folder without a row',
    path: 'src/extra/a.ts',
    text: imports('node:fs'),
    says: /boundaries\.ts/,
  },
  {
    rule: table,
    because: 'an import in the middle of the code',
    path: engine,
    text: says("const x = await import('node:fs')"),
    says: /a port/,
  },
  {
    rule: 'no cycles',
    because: 'two files import one another',
    path: 'src/base/ring.ts',
    text: imports('./ring.ts'),
    says: /third file/,
  },
  {
    rule: words,
    because: 'a name',
    path: engine,
    text: says('const amqpQueue = 1'),
    says: /engine's nouns/,
  },
  {
    rule: words,
    because: 'a comment',
    path: engine,
    text: says('// As in topics.'),
    says: /engine's nouns/,
  },
  {
    rule: words,
    because: 'a text',
    path: 'src/base/ring.ts',
    text: says("const x = 'no such CHANNEL'"),
    says: /engine's nouns/,
  },
  {
    rule: worldly,
    because: 'the time',
    path: engine,
    text: says('const x = Date.now()'),
    says: /ports\.clock\.now/,
  },
  {
    rule: worldly,
    because: 'a timer',
    path: session,
    text: says('setTimeout(open, 1)'),
    says: /ports\.clock\.schedule/,
  },
  {
    rule: worldly,
    because: 'randomness',
    path: engine,
    text: says('const x = Math.random()'),
    says: /ports\.random/,
  },
  {
    rule: worldly,
    because: 'the process',
    path: engine,
    text: says('const x = process.env.X'),
    says: /cli/,
  },
  {
    rule: worldly,
    because: 'the process by its full name',
    path: engine,
    text: says('globalThis.process.exit()'),
    says: /cli/,
  },
  {
    rule: browser,
    because: 'Buffer',
    path: engine,
    text: says("const x = Buffer.from('')"),
    says: /base\/bytes/,
  },
  {
    rule: syntax,
    because: 'a default export',
    path: engine,
    text: says('export default 1'),
    says: /a name/,
  },
  {
    rule: syntax,
    because: 'a default export by name',
    path: engine,
    text: says('export { x as default }'),
    says: /a name/,
  },
  {
    rule: syntax,
    because: 'an enum',
    path: engine,
    text: says('export enum Color { Red }'),
    says: /union/,
  },
  {
    rule: syntax,
    because: 'a namespace',
    path: engine,
    text: says('namespace Colors {}'),
    says: /a file is one/,
  },
  {
    rule: syntax,
    because: 'a decorator',
    path: engine,
    text: says('class A { @logged run() {} }'),
    says: /a function/,
  },
  {
    rule: barrels,
    because: 'a re-export',
    path: 'src/engine/model.ts',
    text: says("export * from './ports.ts'"),
    says: /where it is used/,
  },
  {
    rule: barrels,
    because: 'an index',
    path: 'src/engine/index.ts',
    text: says(''),
    says: /folder's name/,
  },
  {
    rule: names,
    because: 'capitals',
    path: 'src/base/intervalSet.ts',
    text: says(''),
    says: /kebab-case/,
  },
  {
    rule: names,
    because: 'utils',
    path: 'src/base/byte-utils.ts',
    text: says(''),
    says: /concept/,
  },
  {
    rule: names,
    because: 'a folder of helpers',
    path: 'tests/helpers/wait.ts',
    text: says(''),
    says: /concept/,
  },
  {
    rule: names,
    because: 'a manager',
    path: engine,
    text: says('export class QueueManager {}'),
    says: /decides/,
  },
  { rule: leftovers, because: 'a note', path: engine, text: says('// TODO: later'), says: /issue/ },
  {
    rule: leftovers,
    because: 'a declaration',
    path: engine,
    text: says('// const x = 1'),
    says: /git/,
  },
  {
    rule: leftovers,
    because: 'a call',
    path: engine,
    text: says('//   this.flush(now)'),
    says: /git/,
  },
  {
    rule: leftovers,
    because: 'a condition',
    path: engine,
    text: says('/*\n if (x) {\n}\n*/'),
    says: /git/,
  },
  { rule: leftovers, because: 'a brace', path: engine, text: says('// })'), says: /git/ },
  {
    rule: lines,
    because: 'a long line',
    path: engine,
    text: says(`// ${'word '.repeat(20)}.`),
    says: /break the line/,
  },
  { rule: lines, because: 'a space at the end', path: 'README.md', text: 'One \n', says: /spaces/ },
  {
    rule: lines,
    because: 'a carriage return',
    path: 'README.md',
    text: 'One\r\n',
    says: /line feed/,
  },
  {
    rule: lines,
    because: 'no line feed at the end',
    path: 'README.md',
    text: 'One',
    says: /line feed/,
  },
  {
    rule: opens,
    because: 'no comment',
    path: engine,
    text: 'export const x = 1\n',
    says: /what it is/,
  },
  {
    rule: opens,
    because: 'an empty comment',
    path: engine,
    text: '/** x */\n',
    says: /what it is/,
  },
  {
    rule: reachable,
    because: 'nobody imports it',
    path: 'src/base/heap.ts',
    text: says(''),
    says: /delete it/,
  },
  {
    rule: places,
    because: 'a lock file with addresses',
    path: 'package-lock.json',
    text: `"resolved": ${'"https:'}//x.example/a.tgz"\n`,
    says: /omit-lockfile/,
  },
  {
    rule: places,
    because: 'a home folder',
    path: 'README.md',
    text: `cd ${['', 'home', 'me', 'x'].join('/')}\n`,
    says: /machine/,
  },
  {
    rule: places,
    because: 'a registry',
    path: 'README.md',
    text: `${['pypi', 'org'].join('.')}\n`,
    says: /registry/,
  },
  {
    rule: links,
    because: 'a file that is not there',
    path: 'README.md',
    text: '[x](docs/none.md)\n',
    says: /mend/,
  },
]

describe('the tidy rules', () => {
  test('a sound repository has no findings', () => {
    const tree = treeOf(sound)
    const findings = Object.values(rules).flatMap(rule => rule(tree))
    assert.deepEqual(findings, [])
  })

  test('every rule is shown to fail', () => {
    const shown = new Set(cases.map(example => example.rule))
    assert.deepEqual([...shown].sort(), Object.keys(rules).sort())
  })

  for (const { rule, because, path, text, says } of cases) {
    test(`"${rule}" fails because of ${because}`, () => {
      const findings = rules[rule]!(treeOf({ ...sound, [path]: text }))
      assert.notEqual(findings.length, 0)
      assert.match(findings.map(finding => finding.message).join('\n'), says)
      assert.ok(findings.every(finding => finding.path === path && finding.line >= 1))
    })
  }

  test('prose that looks a little like code is left alone', () => {
    const prose = [
      '// If the queue (or its group) is gone, settle(position) answers not-found.',
      '// return to the reader: it decides.',
      "const text = '// const x = 1; TODO'",
      '// for (some) reason, and if (only if) it is so;',
      '(module as { x: 1 }).x',
      'const Dates = { Date: 1 }; open(Dates.Date)',
    ]
    const tree = treeOf({ ...sound, [engine]: says(prose.join('\n')) })
    const findings = [leftovers, worldly, syntax].flatMap(rule => rules[rule]!(tree))
    assert.deepEqual(findings, [])
  })

  test('a long line is allowed where the formatter leaves one, and for an address', () => {
    const text = says(
      `const x = '${' whole'.repeat(20)}'\n// https://example.org/${'x'.repeat(90)}`,
    )
    assert.deepEqual(rules[lines]!(treeOf({ ...sound, [engine]: text })), [])
  })

  test('what is being built need not be reached, until the program imports it', () => {
    const excused = [{ folder: 'src/wire/kafka', since: '2026-11-24' }]
    const path = 'src/wire/kafka/frame.ts'
    const begun = { ...sound, [path]: says('export const x = 1') }
    assert.notDeepEqual(allReachable(treeOf(begun), []), [])
    assert.deepEqual(allReachable(treeOf(begun), excused), [])
    const wired = { ...begun, [session]: says(`import '../../wire/kafka/frame.ts'`) }
    assert.match(allReachable(treeOf(wired), excused)[0]?.message ?? '', /take it off/)
  })

  test('a type may come back, and be passed on', () => {
    const text = says("export type { open } from './engine.ts'\nexport interface Clock {}")
    const tree = treeOf({
      ...sound,
      'src/engine/ports.ts': text,
      [engine]: imports('./ports.ts'),
    })
    assert.deepEqual([...rules['no cycles']!(tree), ...rules[barrels]!(tree)], [])
  })
})

describe('tokens', () => {
  test('strings, templates with holes, comments and regular expressions are told apart', () => {
    const text = `a(\`x \${b({ c: '\`' })} y\`, /['"/*]/g, 'it\\'s') // end\n/* more */ d / e / f`
    assert.deepEqual(
      tokensOf(text).map(({ kind, text }) => `${kind} ${text}`),
      [
        'word a',
        'sign (',
        `string \`x \${`,
        'word b',
        'sign (',
        'sign {',
        'word c',
        'sign :',
        "string '`'",
        'sign }',
        'sign )',
        'string } y`',
        'sign ,',
        'regex /[\'"/*]/g',
        'sign ,',
        "string 'it\\'s'",
        'sign )',
        'comment // end',
        'comment /* more */',
        'word d',
        'sign /',
        'word e',
        'sign /',
        'word f',
      ],
    )
  })

  test('lines are counted from one', () => {
    assert.deepEqual(
      tokensOf('a\n\nb `\n\n` c').map(({ text, line }) => [text, line]),
      [
        ['a', 1],
        ['b', 3],
        ['`\n\n`', 3],
        ['c', 5],
      ],
    )
  })
})

test('the longest functions are found, methods and signatures of several lines included', () => {
  const text = [
    '/** A file. */',
    'export class A {',
    '  run(): void {',
    '    if (a) {',
    '      b()',
    '    }',
    '  }',
    '  #read(',
    '    a: number,',
    '  ): void {',
    '  }',
    '}',
    'function short() {',
    '  call(',
    '    one,',
    '  )',
    '}',
  ]
  const lengths = longestFunctions(treeOf({ 'src/base/a.ts': text.join('\n') }), 3)
  assert.deepEqual(lengths, [
    { what: 'src/base/a.ts:3 run', lines: 5 },
    { what: 'src/base/a.ts:13 short', lines: 5 },
    { what: 'src/base/a.ts:8 #read', lines: 4 },
  ])
})
