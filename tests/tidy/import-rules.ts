/** Rules about who imports whom, and about what leads to a file at all. */

import {
  beingBuilt,
  boundaries,
  builtInInWire,
  entries,
  furtherDoors,
  unitTestMay,
} from './boundaries.ts'
import {
  codeOf,
  covers,
  type Finding,
  isTest,
  type Source,
  type Tree,
  targetOf,
  typescript,
} from './tree.ts'

export function importsInsideTable(tree: Tree): Finding[] {
  return typescript(tree, 'src', 'tests', 'bench', 'examples').flatMap(file =>
    file.imports.flatMap(({ specifier, line }) => {
      const problem = importProblem(tree, file, specifier)
      return problem === undefined ? [] : [{ path: file.path, line, message: problem }]
    }),
  )
}

function importProblem(tree: Tree, file: Source, specifier: string): string | undefined {
  const row = rowOf(file.path)
  const boundary = row === undefined ? undefined : boundaries[row]
  if (row === undefined || boundary === undefined) {
    return `No row in tests/tidy/boundaries.ts covers this folder: add it to an existing one.`
  }
  const unitTest = file.path.startsWith('src/') && isTest(file.path)
  const target = targetOf(file, specifier)
  if (target !== undefined) {
    if (tree.file(target) === undefined) return `${specifier} leads to no file in the repository.`
    const may = [...boundary.may, ...(unitTest ? unitTestMay : [])]
    if (rowOf(target) === row || may.some(allowed => covers(allowed, target))) return undefined
  } else if (specifier.startsWith('node:')) {
    const builtIn = unitTest ? ['*'] : [...boundary.builtIn, ...(builtInInWire[file.path] ?? [])]
    if (builtIn.includes('*') || builtIn.includes(specifier.slice('node:'.length))) return undefined
  } else {
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
    if (boundary.packages.includes(name)) return undefined
    if (boundary.packages.includes('*') && packagesOf(tree).has(name)) return undefined
  }
  return `${row} may not import ${target ?? specifier}: ${boundary.instead}.`
}

/** The row with the longest folder that the path begins with. */
function rowOf(path: string): string | undefined {
  return Object.keys(boundaries)
    .filter(folder => covers(folder, path))
    .sort((left, right) => right.length - left.length)[0]
}

function packagesOf(tree: Tree): Set<string> {
  const manifest = JSON.parse(tree.file('package.json')?.text ?? '{}')
  const { name, dependencies, devDependencies } = manifest
  return new Set([name, ...Object.keys({ ...dependencies, ...devDependencies })])
}

function targetsOf(tree: Tree, file: Source, imports = file.imports): string[] {
  return imports.flatMap(({ specifier }) => {
    const target = targetOf(file, specifier)
    return target !== undefined && tree.file(target) !== undefined ? [target] : []
  })
}

/**
 * Of what is there when the program runs: the halves of one thing may name each other's types, but
 * a module that is needed before it has been evaluated is a trap.
 */
export function noCycles(tree: Tree): Finding[] {
  const findings: Finding[] = []
  const state = new Map<string, 'open' | 'closed'>()
  const trail: string[] = []
  const visit = (path: string): void => {
    state.set(path, 'open')
    trail.push(path)
    const file = tree.file(path)!
    const imports = file.imports.filter(({ typeOnly }) => !typeOnly)
    for (const target of targetsOf(tree, file, imports)) {
      if (state.get(target) === 'open') {
        const cycle = [...trail.slice(trail.indexOf(target)), target].join(' → ')
        const message = `Imports go round: ${cycle}. Move what both need into a third file.`
        findings.push({ path, line: 1, message })
      } else if (!state.has(target)) visit(target)
    }
    trail.pop()
    state.set(path, 'closed')
  }
  for (const file of tree.files) if (!state.has(file.path)) visit(file.path)
  return findings
}

/** A barrel passes on what it does not have: all of another file, or nothing of its own. */
export function noBarrels(tree: Tree): Finding[] {
  const doors = new Set([...publicDoors(tree), ...furtherDoors])
  return typescript(tree, 'src', 'tests', 'bench').flatMap(file => {
    const findings = file.imports
      .filter(({ reexport }) => reexport === '*' || (reexport === 'named' && !hasOwn(file)))
      .filter(() => !doors.has(file.path))
      .map(({ specifier, line }) => ({
        path: file.path,
        line,
        message: `Only a public door re-exports: import ${specifier} where it is used.`,
      }))
    if (!file.path.endsWith('/index.ts')) return findings
    const message = "Name the file after its concept: a folder's door has the folder's name."
    return [...findings, { path: file.path, line: 1, message }]
  })
}

function hasOwn(file: Source): boolean {
  return /^export (abstract |async )?(class|function|const|let|interface|type \w)/m.test(file.text)
}

/** The sources of what package.json exports. */
function publicDoors(tree: Tree): string[] {
  const { exports = {}, bin = {} } = JSON.parse(tree.file('package.json')?.text ?? '{}')
  const outputs = [...Object.values(exports), ...Object.values(bin)].flatMap(entry =>
    typeof entry === 'string' ? [entry] : Object.values(entry as { [condition: string]: string }),
  )
  return outputs
    .filter(output => output.endsWith('.js'))
    .map(output => output.replace(/^\.\/dist\//, '').replace(/\.js$/, '.ts'))
}

export function allReachable(tree: Tree, excused = beingBuilt): Finding[] {
  const files = typescript(tree, 'src', 'tests', 'bench')
  const doors = publicDoors(tree)
  const wired = reachedFrom(tree, doors)
  const tests = files.filter(file => isTest(file.path)).map(file => file.path)
  const reached = reachedFrom(tree, [...entries, ...doors, ...startedFiles(tree), ...tests])
  const findings = files
    .filter(({ path }) => !reached.has(path))
    .filter(({ path }) => !excused.some(({ folder }) => covers(folder, path)))
    .map(({ path }) => ({
      path,
      line: 1,
      message:
        'No entry, public door or test leads here: delete it, or import it where it is used.',
    }))
  for (const { folder, since } of excused) {
    const path = [...wired].find(file => covers(folder, file))
    if (path === undefined) continue
    const message = `The program imports ${folder}, which has been on the list of what is being built since ${since}: take it off \`beingBuilt\` in tests/tidy/boundaries.ts.`
    findings.push({ path, line: 1, message })
  }
  return findings
}

function reachedFrom(tree: Tree, paths: readonly string[]): Set<string> {
  const seen = new Set<string>()
  const visit = (path: string): void => {
    const file = tree.file(path)
    if (file === undefined || seen.has(path)) return
    seen.add(path)
    for (const target of targetsOf(tree, file)) visit(target)
  }
  for (const path of paths) visit(path)
  return seen
}

/** Programs that a test starts: `new URL('./child.js', import.meta.url)`. */
function startedFiles(tree: Tree): string[] {
  return typescript(tree, 'tests', 'bench').flatMap(file =>
    codeOf(file)
      .filter((token, index, code) => token.kind === 'string' && code[index - 2]?.text === 'URL')
      .flatMap(token => targetOf(file, token.text.slice(1, -1).replace(/\.js$/, '.ts')) ?? []),
  )
}
