/**
 * The tidy rules: what docs/architecture.md (boundaries) and CONTRIBUTING.md (style) ask for and a
 * program can see. Each finding says where, what, and what to do instead. A rule is a function from
 * the tree to its findings, so that it can be shown to fail on a small tree made of strings.
 */

import { allReachable, importsInsideTable, noBarrels, noCycles } from './import-rules.ts'
import {
  goodNames,
  noForbiddenSyntax,
  noLeftovers,
  noNodeNames,
  noProtocolWords,
  noWorldlyGlobals,
  opensWithComment,
} from './language-rules.ts'
import { cleanLines, linksLead, noPlaces } from './text-rules.ts'
import type { Finding, Tree } from './tree.ts'

export type Rule = (tree: Tree) => Finding[]

/** Each rule by the sentence that it states. */
export const rules: { readonly [sentence: string]: Rule } = {
  'a folder imports only what the table allows': importsInsideTable,
  'no cycles': noCycles,
  "the engine and base know no protocol's word": noProtocolWords,
  'time, randomness and the process stay in platform and cli': noWorldlyGlobals,
  "what runs in a browser uses no name of Node's": noNodeNames,
  'no default exports, enums, namespaces or decorators': noForbiddenSyntax,
  'only a public door re-exports': noBarrels,
  'names are kebab-case and say something': goodNames,
  'no notes to oneself and no code in comments': noLeftovers,
  'lines fit and end cleanly': cleanLines,
  'a source file begins with what it is': opensWithComment,
  'every source file is reachable from an entry': allReachable,
  'nothing names a registry or a machine': noPlaces,
  'every link in a page leads to a file': linksLead,
}
