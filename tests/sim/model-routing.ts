/** The model's idea of routes: recursion over words, and all bindings, every time. */

import { unreachable } from '../../src/base/assert.ts'
import type { AttributeMatch, Binding } from '../../src/engine/model.ts'
import { bindingIdentity, chooseByHash } from '../../src/engine/state/route.ts'
import type { Model, ModelRoute } from './model.ts'

export type ModelAttributes = { readonly [name: string]: string | number } | undefined

/** Names of the logs that a record goes to, in no particular order; undefined: no such route. */
export function resolve(
  model: Model,
  routeName: string,
  keys: readonly string[],
  attributes: ModelAttributes,
): string[] | undefined {
  if (routeName === '') return [...new Set(keys.filter(key => model.logs.has(key)))]
  const route = model.routes.get(routeName)
  if (route === undefined) return undefined
  const found = new Set<string>()
  walk(model, route, keys, attributes, found, new Set())
  return [...found]
}

function walk(
  model: Model,
  route: ModelRoute,
  keys: readonly string[],
  attributes: ModelAttributes,
  found: Set<string>,
  seen: Set<string>,
): void {
  if (seen.has(route.name)) return
  seen.add(route.name)
  const matching = route.bindings.filter(binding =>
    keys.some(key => matches(route, binding, key, attributes)),
  )
  for (const { target } of matching) {
    if (target.kind === 'log') {
      if (model.logs.has(target.name)) found.add(target.name)
    } else {
      const next = model.routes.get(target.name)
      if (next !== undefined) walk(model, next, keys, attributes, found, seen)
    }
  }
  const alternate = route.config.alternate
  if (matching.length > 0 || alternate === undefined) return
  const next = model.routes.get(alternate)
  if (next !== undefined) walk(model, next, keys, attributes, found, seen)
}

function matches(
  route: ModelRoute,
  binding: Binding,
  key: string,
  attributes: ModelAttributes,
): boolean {
  switch (route.config.kind) {
    case 'direct':
      return binding.key === key
    case 'fan-out':
      return true
    case 'pattern':
      return matchesWords(binding.key.split('.'), key.split('.'))
    case 'attributes':
      return matchesAttributes(binding.attributes, attributes ?? {})
    case 'hash':
      return binding === chosenByHash(route, key)
    case 'random':
      // No model can know which; so the workload makes no such routes.
      return false
    default:
      return unreachable(route.config.kind)
  }
}

function chosenByHash(route: ModelRoute, key: string): Binding | undefined {
  const entries = route.bindings.map(one => [bindingIdentity(one), one] as const)
  return chooseByHash(new Map(entries), key)
}

function matchesWords(pattern: readonly string[], words: readonly string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return words.length === 0
  if (first === '#') {
    return (
      words.some((_, index) => matchesWords(rest, words.slice(index))) || matchesWords(rest, [])
    )
  }
  if (words.length === 0) return false
  return (first === '*' || first === words[0]) && matchesWords(rest, words.slice(1))
}

function matchesAttributes(
  wanted: AttributeMatch | undefined,
  attributes: { readonly [name: string]: string | number },
): boolean {
  if (wanted === undefined) return true
  const fits = ([name, value]: [string, unknown]) =>
    name in attributes && (value === null || attributes[name] === value)
  const pairs = Object.entries(wanted.match)
  return wanted.mode === 'all' ? pairs.every(fits) : pairs.some(fits)
}
