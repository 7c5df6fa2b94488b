/** `page`, `page_size`, `name`, `use_regex`, `sort`, `sort_reverse`, `columns` of every list. */

import { patternOf } from '../access.ts'
import { HttpRefusal, type JsonObject } from './http.ts'

const pageSizeMax = 500
const pageSizeDefault = 100

export function arrange(items: readonly JsonObject[], query: URLSearchParams): unknown {
  const sorted = sort(items, query)
  const page = query.get('page')
  if (page === null) return sorted.map(item => pick(item, query))
  return paginate(sorted, page, query)
}

/** Only the columns that are asked for; `a.b` is a field of a field. */
export function pick(item: JsonObject, query: URLSearchParams): JsonObject {
  const columns = query.get('columns')
  if (columns === null || columns === '') return item
  const picked: { [name: string]: unknown } = {}
  for (const column of columns.split(',')) copy(item, picked, column.split('.'))
  return picked
}

function copy(from: JsonObject, to: { [name: string]: unknown }, path: readonly string[]): void {
  const [name, ...rest] = path as [string, ...string[]]
  const value = from[name]
  if (value === undefined) return
  if (rest.length === 0 || !isObject(value)) {
    to[name] = value
    return
  }
  const inner = (isObject(to[name]) ? to[name] : {}) as { [name: string]: unknown }
  copy(value, inner, rest)
  to[name] = inner
}

function sort(items: readonly JsonObject[], query: URLSearchParams): readonly JsonObject[] {
  const by = query.get('sort')
  const reverse = query.get('sort_reverse') === 'true'
  if (by === null || by === '') return reverse ? [...items].reverse() : items
  const path = by.split('.')
  const sorted = [...items].sort((left, right) =>
    compare(valueAt(left, path), valueAt(right, path)),
  )
  return reverse ? sorted.reverse() : sorted
}

function valueAt(item: JsonObject, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (isObject(value) ? value[name] : undefined), item)
}

function compare(left: unknown, right: unknown): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right
  const [a, b] = [String(left ?? ''), String(right ?? '')]
  return a < b ? -1 : a > b ? 1 : 0
}

function paginate(items: readonly JsonObject[], asked: string, query: URLSearchParams): JsonObject {
  const page = positive(asked)
  const pageSize = Math.min(positive(query.get('page_size') ?? `${pageSizeDefault}`), pageSizeMax)
  const name = query.get('name') ?? ''
  const pattern = query.get('use_regex') === 'true' ? patternOf(name) : undefined
  const matches = (item: JsonObject) =>
    pattern === undefined
      ? String(item.name).toLowerCase().includes(name.toLowerCase())
      : pattern.test(String(item.name))
  const filtered = name === '' ? items : items.filter(matches)
  const count = Math.max(1, Math.ceil(filtered.length / pageSize))
  if (page > count) {
    const reason = `Page out of range, page: ${page} page size: ${pageSize}, len: ${items.length}`
    throw new HttpRefusal(400, 'page_out_of_range', reason)
  }
  const shown = filtered.slice((page - 1) * pageSize, page * pageSize)
  return {
    filtered_count: filtered.length,
    item_count: shown.length,
    items: shown.map(item => pick(item, query)),
    page,
    page_count: count,
    page_size: pageSize,
    total_count: items.length,
  }
}

function positive(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new HttpRefusal(400, 'bad_request', 'Pagination parameters are invalid')
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
