/**
 * Routes: from a name and a key to logs. Each route keeps its bindings in the shape in which it
 * looks them up: by key, all, as a tree of words, or as a list to compare attributes with or to
 * choose one from.
 * Pure data and matching; who may bind what is decided at the door.
 */

import { unreachable } from '../../base/assert.ts'
import type { AttributeMatch, AttributeValue, Binding, RouteConfig } from '../model.ts'

export type Attributes = ReadonlyMap<string, AttributeValue>

/** The identity of a binding: all of its fields. */
export function bindingIdentity(binding: Binding): string {
  const { target, key, attributes, weight, labels } = binding
  const match = canonical(attributes)
  return JSON.stringify([target.kind, target.name, key, match, weight ?? 1, canonical(labels)])
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value ?? null
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
  return entries.map(([name, inner]) => [name, canonical(inner)])
}

interface WordNode {
  readonly words: Map<string, WordNode>
  any: WordNode | undefined
  many: WordNode | undefined
  /** Reached by `#`: it stays where it is for any further word. */
  readonly swallows: boolean
  readonly bindings: Binding[]
}

function wordNode(swallows = false): WordNode {
  return { words: new Map(), any: undefined, many: undefined, swallows, bindings: [] }
}

export class Route {
  readonly name: string
  /** The kind never changes. */
  config: RouteConfig
  readonly bindings = new Map<string, Binding>()
  readonly #byKey = new Map<string, Binding[]>()
  readonly #tree = wordNode()

  constructor(name: string, config: RouteConfig) {
    this.name = name
    this.config = config
  }

  /** False when it was there already. */
  add(binding: Binding): boolean {
    const identity = bindingIdentity(binding)
    if (this.bindings.has(identity)) return false
    this.bindings.set(identity, binding)
    this.#index(binding)
    return true
  }

  /** The binding that was taken off, as it had been added. */
  remove(binding: Binding): Binding | undefined {
    const identity = bindingIdentity(binding)
    const found = this.bindings.get(identity)
    if (found === undefined) return undefined
    this.bindings.delete(identity)
    this.#unindex(found)
    return found
  }

  has(binding: Binding): boolean {
    return this.bindings.has(bindingIdentity(binding))
  }

  /** True when the key alone does not decide. */
  get varies(): boolean {
    const { kind, attribute } = this.config
    return (
      kind === 'attributes' || kind === 'random' || (kind === 'hash' && attribute !== undefined)
    )
  }

  /**
   * Calls back for each binding that matches; the same target may come several times. `random` is
   * asked for 32 bits by routes that choose at random.
   */
  match(
    key: string,
    attributes: (() => Attributes) | undefined,
    random: () => number,
    visit: (binding: Binding) => void,
  ): void {
    switch (this.config.kind) {
      case 'direct':
        for (const binding of this.#byKey.get(key) ?? []) visit(binding)
        return
      case 'fan-out':
        for (const binding of this.bindings.values()) visit(binding)
        return
      case 'pattern':
        matchWords(this.#tree, key.split('.'), visit)
        return
      case 'attributes': {
        const values = attributes?.() ?? noAttributes
        for (const binding of this.bindings.values()) {
          if (matchesAttributes(binding.attributes, values)) visit(binding)
        }
        return
      }
      case 'hash': {
        const { attribute } = this.config
        const value = attribute === undefined ? key : attributes?.().get(attribute)
        const chosen = chooseByHash(this.bindings, String(value ?? ''))
        if (chosen !== undefined) visit(chosen)
        return
      }
      case 'random': {
        const { size } = this.bindings
        if (size > 0) visit([...this.bindings.values()][random() % size]!)
        return
      }
      default:
        unreachable(this.config.kind)
    }
  }

  #index(binding: Binding): void {
    if (this.config.kind === 'direct') {
      const list = this.#byKey.get(binding.key)
      if (list === undefined) this.#byKey.set(binding.key, [binding])
      else list.push(binding)
    } else if (this.config.kind === 'pattern') {
      let node = this.#tree
      for (const word of binding.key.split('.')) node = step(node, word)
      node.bindings.push(binding)
    }
  }

  #unindex(binding: Binding): void {
    if (this.config.kind === 'direct') {
      const left = this.#byKey.get(binding.key)!.filter(other => other !== binding)
      if (left.length > 0) this.#byKey.set(binding.key, left)
      else this.#byKey.delete(binding.key)
    } else if (this.config.kind === 'pattern') {
      prune(this.#tree, binding, binding.key.split('.'), 0)
    }
  }
}

const noAttributes: Attributes = new Map()

function step(node: WordNode, word: string): WordNode {
  if (word === '*') {
    node.any ??= wordNode()
    return node.any
  }
  if (word === '#') {
    node.many ??= wordNode(true)
    return node.many
  }
  let next = node.words.get(word)
  if (next === undefined) {
    next = wordNode()
    node.words.set(word, next)
  }
  return next
}

/** Takes the binding out, and with it the branch that held nothing else. True: `node` is empty. */
function prune(node: WordNode, binding: Binding, words: readonly string[], at: number): boolean {
  const word = words[at]
  if (word === undefined) {
    node.bindings.splice(node.bindings.indexOf(binding), 1)
  } else if (word === '*') {
    if (prune(node.any!, binding, words, at + 1)) node.any = undefined
  } else if (word === '#') {
    if (prune(node.many!, binding, words, at + 1)) node.many = undefined
  } else if (prune(node.words.get(word)!, binding, words, at + 1)) {
    node.words.delete(word)
  }
  return (
    node.bindings.length === 0 &&
    node.words.size === 0 &&
    node.any === undefined &&
    node.many === undefined
  )
}

/**
 * Walks all branches that fit, word by word. `#` may stand for any number of words, so a node can
 * be reached in many ways; it counts once, which keeps hostile patterns at tree size times key
 * length.
 */
function matchWords(
  root: WordNode,
  words: readonly string[],
  visit: (binding: Binding) => void,
): void {
  let reached = expand(new Set([root]))
  for (const word of words) {
    const next = new Set<WordNode>()
    for (const node of reached) {
      const exact = node.words.get(word)
      if (exact !== undefined) next.add(exact)
      if (node.any !== undefined) next.add(node.any)
      if (node.swallows) next.add(node)
    }
    reached = expand(next)
  }
  for (const node of reached) for (const binding of node.bindings) visit(binding)
}

/** Adds what a `#` that stands for no word leads to. */
function expand(nodes: Set<WordNode>): Set<WordNode> {
  for (const node of nodes) if (node.many !== undefined) nodes.add(node.many)
  return nodes
}

/**
 * Weighted rendezvous hashing: every binding draws a number for the text, and the highest wins. So
 * a binding that comes or goes moves only the texts that it wins.
 */
export function chooseByHash(
  bindings: ReadonlyMap<string, Binding>,
  text: string,
): Binding | undefined {
  let chosen: Binding | undefined
  let best = Number.NEGATIVE_INFINITY
  for (const [identity, binding] of bindings) {
    const drawn = (hash32(identity, hash32(text, 0)) + 0.5) / 0x1_0000_0000
    const score = -(binding.weight ?? 1) / Math.log(drawn)
    if (score <= best) continue
    best = score
    chosen = binding
  }
  return chosen
}

/** MurmurHash3's way of mixing, over UTF-16 units: stable, and not for secrets. */
function hash32(text: string, seed: number): number {
  let hash = seed
  for (let index = 0; index < text.length; index++) {
    const word = Math.imul(text.charCodeAt(index), 0xcc9e2d51)
    hash ^= Math.imul((word << 15) | (word >>> 17), 0x1b873593)
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
  }
  hash ^= text.length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function matchesAttributes(wanted: AttributeMatch | undefined, values: Attributes): boolean {
  if (wanted === undefined) return true
  const names = Object.keys(wanted.match)
  const matches = (name: string) => {
    if (!values.has(name)) return false
    const expected = wanted.match[name]
    return expected === null || equalValues(expected!, values.get(name)!)
  }
  return wanted.mode === 'all' ? names.every(matches) : names.some(matches)
}

/** Numbers are equal whatever their width was on the wire. */
function equalValues(expected: string | number | boolean, value: AttributeValue): boolean {
  return typeof value === 'bigint' ? Number(value) === expected : value === expected
}
