/** Rules about lines, addresses and links, for every text file of the repository. */

import { covers, type Finding, type Source, type Tree, targetOf } from './tree.ts'

const columnsMax = 100

export function cleanLines(tree: Tree): Finding[] {
  return tree.files.flatMap(file => {
    const findings = file.lines.flatMap((text, index) =>
      lineProblems(file, text, index + 1).map(message => ({
        path: file.path,
        line: index + 1,
        message,
      })),
    )
    if (file.text === '' || file.text.endsWith('\n')) return findings
    const message = 'End the file with a line feed.'
    return [...findings, { path: file.path, line: file.lines.length, message }]
  })
}

function lineProblems(file: Source, text: string, line: number): string[] {
  const problems: string[] = []
  if (text.endsWith('\r')) problems.push('End lines with a line feed alone.')
  else if (/[ \t]$/.test(text)) problems.push('Take off the spaces at the end of the line.')
  if (text.length > columnsMax && !text.includes('://') && isComment(file, line)) {
    problems.push(`${text.length} columns: break the line at ${columnsMax}.`)
  }
  return problems
}

/** Code is broken by the formatter, as far as it can be; comments are broken by people. */
function isComment(file: Source, line: number): boolean {
  const edge = file.lines
    .slice(0, line - 1)
    .reduce((sum, text) => sum + text.length + 1, columnsMax)
  return file.tokens.some(
    ({ kind, start, text }) => kind === 'comment' && start <= edge && start + text.length > edge,
  )
}

// Split, so that this file does not name them.
const registries = [
  ['registry', 'npmjs'],
  ['registry', 'yarnpkg'],
  ['pypi', 'org'],
  ['pythonhosted', 'org'],
  // Not the host alone: modules have it in their names.
  ['proxy', 'golang', 'org'],
  ['sum', 'golang', 'org'],
  ['maven', 'org'],
  ['maven', 'apache'],
  ['crates', 'io'],
].map(parts => parts.join('\\.'))

const places: readonly { readonly pattern: RegExp; readonly what: string }[] = [
  { pattern: /"resolved": "https?:/, what: 'the address of a registry' },
  { pattern: new RegExp(`\\b(${registries.join('|')})\\b`), what: 'a registry' },
  {
    pattern: /(^|[\s"'`(=:])(\/(home|Users|root|work)\/[\w.-]|[A-Z]:\\\w)/,
    what: 'a path on one machine',
  },
]

export function noPlaces(tree: Tree): Finding[] {
  return tree.files.flatMap(file =>
    file.lines.flatMap((text, index) =>
      places
        .filter(place => place.pattern.test(text))
        .map(place => ({
          path: file.path,
          line: index + 1,
          message: `This names ${place.what}: leave it out, or make it a setting (for the lock file: \`npm install --omit-lockfile-registry-resolved\`).`,
        })),
    ),
  )
}

export function linksLead(tree: Tree): Finding[] {
  return tree.files
    .filter(file => file.path.endsWith('.md'))
    .flatMap(file =>
      file.lines.flatMap((text, index) =>
        [...text.matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)].flatMap(([, link]) => {
          if (link === undefined || /^[a-z]+:/.test(link)) return []
          const target = targetOf(file, `./${link}`)!.replace(/\/$/, '')
          const found = tree.files.some(({ path }) => covers(target, path))
          if (found || tree.binaries.has(target)) return []
          return [{ path: file.path, line: index + 1, message: `${link} leads nowhere: mend it.` }]
        }),
      ),
    )
}
