/**
 * The Query protocol: form parameters in, XML out, both by the shape of a message.
 *
 *     Action=SendMessage & MessageAttribute.1.Name=a & MessageAttribute.1.Value.DataType=String
 *
 *     <SendMessageResponse xmlns="…"><SendMessageResult>…</SendMessageResult>
 *       <ResponseMetadata><RequestId>…</RequestId></ResponseMetadata></SendMessageResponse>
 *
 * Lists and maps are flat: their items are numbered from 1 and repeat the element's name in XML.
 */

import type { Shape } from '../schema/json.ts'

const namespace = 'http://queue.amazonaws.com/doc/2012-11-05/'

/** Items of one list or map beyond which nothing is looked for. */
const itemsMax = 1000

export type Parameters = ReadonlyMap<string, string>

/** Parameters of a query string or a form. A `%` that begins nothing stays as it is. */
export function parseForm(form: string): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const pair of form.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = equals < 0 ? pair : pair.slice(0, equals)
    parameters.set(decode(name), equals < 0 ? '' : decode(pair.slice(equals + 1)))
  }
  return parameters
}

function decode(part: string): string {
  const spaced = part.includes('+') ? part.replaceAll('+', ' ') : part
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}

/** The tree that JSON would have brought. A number that is none stays text: the type refuses it. */
export function treeOf(shape: Shape, parameters: Parameters): unknown {
  const names = new Set<string>()
  for (const name of parameters.keys()) {
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      names.add(name.slice(0, dot))
    }
    names.add(name)
  }
  return build(shape, '', { parameters, names }) ?? {}
}

interface Source {
  readonly parameters: Parameters
  /** Every name, and everything that a name begins with. */
  readonly names: ReadonlySet<string>
}

function build(shape: Shape, at: string, source: Source): unknown {
  switch (shape.kind) {
    case 'text':
    case 'blob':
      return source.parameters.get(at)
    case 'integer': {
      const value = source.parameters.get(at)
      return value !== undefined && /^-?\d{1,15}$/.test(value) ? Number(value) : value
    }
    case 'boolean': {
      const value = source.parameters.get(at)
      return value === 'true' ? true : value === 'false' ? false : value
    }
    case 'list':
      return buildList(shape, at, source)
    case 'map':
      return buildMap(shape, at, source)
    case 'object': {
      if (at !== '' && !source.names.has(at)) return undefined
      const made: { [name: string]: unknown } = {}
      for (const [name, field] of Object.entries(shape.fields)) {
        const inner = field.shape
        const flat = inner.kind === 'list' || inner.kind === 'map' ? inner.flat : name
        const value = build(inner, at === '' ? flat : `${at}.${flat}`, source)
        if (value !== undefined) made[name] = value
      }
      return made
    }
  }
}

/** Some clients write `Name.member.1`. Numbering may begin at 0 or 1. */
function* itemsAt(at: string, { names }: Source): Generator<string> {
  const base = names.has(`${at}.member`) ? `${at}.member` : at
  for (let index = 0; index <= itemsMax; index++) {
    const item = `${base}.${index}`
    if (names.has(item)) yield item
    else if (index > 0) return
  }
}

function buildList(shape: Shape & { kind: 'list' }, at: string, source: Source): unknown {
  if (source.parameters.has(at)) return [source.parameters.get(at)]
  const items = [...itemsAt(at, source)].map(item => build(shape.of, item, source))
  return items.length === 0 ? undefined : items
}

function buildMap(shape: Shape & { kind: 'map' }, at: string, source: Source): unknown {
  const entries: [string, unknown][] = []
  for (const item of itemsAt(at, source)) {
    const name = source.parameters.get(`${item}.${shape.key}`)
    const value = build(shape.of, `${item}.${shape.value}`, source)
    if (name !== undefined) entries.push([name, value ?? ''])
  }
  const single = source.parameters.get(`${at}.${shape.key}`)
  if (single !== undefined) entries.push([single, build(shape.of, `${at}.${shape.value}`, source)])
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

// XML

/** The whole answer. `result` undefined: the action answers nothing but that it was done. */
export function xmlAnswer(
  action: string,
  answer: { readonly shape: Shape; readonly result: unknown } | undefined,
  requestId: string,
): string {
  const content = answer === undefined ? '' : xmlOf(answer.shape, answer.result)
  const empty = answer === undefined ? '' : `<${action}Result/>`
  const inside = content === '' ? empty : `<${action}Result>${content}</${action}Result>`
  const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`
  return `<?xml version="1.0"?><${action}Response xmlns="${namespace}">${inside}${metadata}</${action}Response>`
}

/** The same in JSON, for whoever sends a Query request and accepts application/json. */
export function jsonAnswer(action: string, result: unknown, requestId: string): string {
  const fields = Object.entries(result ?? {}).map(([name, value]) => {
    return [Array.isArray(value) ? name[0]!.toLowerCase() + name.slice(1) : name, value] as const
  })
  const inside = result === undefined ? {} : { [`${action}Result`]: Object.fromEntries(fields) }
  return JSON.stringify({
    [`${action}Response`]: { ...inside, ResponseMetadata: { RequestId: requestId } },
  })
}

export function xmlError(
  error: { readonly type: 'Sender' | 'Receiver'; readonly code: string; readonly message: string },
  requestId: string,
): string {
  const { type, code, message } = error
  return `<?xml version="1.0"?><ErrorResponse xmlns="${namespace}"><Error><Type>${type}</Type><Code>${code}</Code><Message>${escapeXml(message)}</Message><Detail/></Error><RequestId>${requestId}</RequestId></ErrorResponse>`
}

function xmlOf(shape: Shape, value: unknown): string {
  if (shape.kind !== 'object') return escapeXml(String(value))
  let xml = ''
  const from = value as { readonly [name: string]: unknown }
  for (const [name, field] of Object.entries(shape.fields)) {
    const item = from[name]
    if (item !== undefined) xml += elements(name, field.shape, item)
  }
  return xml
}

function elements(name: string, shape: Shape, value: unknown): string {
  if (shape.kind === 'list') {
    const { flat, of } = shape
    return (value as unknown[]).map(item => `<${flat}>${xmlOf(of, item)}</${flat}>`).join('')
  }
  if (shape.kind === 'map') {
    const { flat, key, value: inner, of } = shape
    return Object.entries(value as object)
      .map(
        ([entry, item]) =>
          `<${flat}><${key}>${escapeXml(entry)}</${key}><${inner}>${xmlOf(of, item)}</${inner}></${flat}>`,
      )
      .join('')
  }
  return `<${name}>${xmlOf(shape, value)}</${name}>`
}

const escapes: { readonly [char: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#xD;',
}

function escapeXml(text: string): string {
  return /[&<>"\r]/.test(text) ? text.replace(/[&<>"\r]/g, char => escapes[char]!) : text
}
