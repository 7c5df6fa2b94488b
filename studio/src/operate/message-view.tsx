/**
 * One message: its body as JSON, text or hex, its headers, its way. Everything is text in the
 * document, never markup, and never more of it than a screen needs.
 */

import { useSignal } from '@preact/signals'
import type { Message, MessageDetail, Step } from '../../../src/admin/contract.ts'
import { api } from '../api.ts'
import { Badge, StateBadge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Tabs } from '../ui/tabs.tsx'
import { clock, queueApi, shownName, size } from './format.ts'
import { asCode } from './message-code.ts'
import { Said } from './said.tsx'
import { isReadOnly } from './session.tsx'
import { useApi, useDoing } from './use-api.ts'

/** Characters of a body in the page at once. */
const shownMax = 200_000
const hexBytesMax = 16 * 1024

const looks = [
  ['json', 'JSON'],
  ['text', 'Text'],
  ['hex', 'Hex'],
  ['headers', 'Headers'],
  ['way', 'Way'],
] as const
type Look = (typeof looks)[number][0]

export function StateOf({ message }: { readonly message: Message }) {
  const { state, attempts } = message
  if (state === 'leased') return <StateBadge state="flight">in flight</StateBadge>
  if (state === 'delayed') return <StateBadge state="delayed">delayed</StateBadge>
  if (state === 'ready' && (attempts ?? 0) > 0) {
    return <StateBadge state="retrying">ready again</StateBadge>
  }
  if (state === 'ready') return <StateBadge state="ready">ready</StateBadge>
  return <Badge>{state === 'kept' ? 'kept' : 'seen'}</Badge>
}

export function MessageView(props: {
  readonly queue: string
  readonly position: number
  readonly index: number
  readonly onEdit?: (message: Message) => void
}) {
  const { queue, position, index } = props
  const path = queueApi(queue, `/messages/${position}?index=${index}&bytes=${shownMax}`)
  const asked = useApi<MessageDetail>(path)
  const look = useSignal<Look | undefined>(undefined)
  const doing = useDoing()
  const detail = asked.value.value
  if (asked.failure.value !== undefined) return <p class="note warn">{asked.failure.value}</p>
  if (detail === undefined) return <p class="note">Reading…</p>
  const { message, way } = detail
  const chosen = look.value ?? (prettyJson(message) === undefined ? 'text' : 'json')
  const copy = (text: string, what: string): void => {
    void doing.run(async () => {
      await navigator.clipboard.writeText(text)
      return `Copied as ${what}.`
    })
  }
  const resend = (): void => {
    void doing.run(async () => {
      await api(queueApi(queue, '/resend'), { body: { position, index } })
      return 'A copy was sent.'
    })
  }
  return (
    <div class="message stack">
      <dl class="facts">
        <Fact name="Id">{message.id}</Fact>
        <Fact name="Time">{clock(message.time)}</Fact>
        {message.key !== '' && <Fact name="Key">{shownName(message.key)}</Fact>}
        {message.route !== '' && <Fact name="Route">{shownName(message.route)}</Fact>}
        {message.group !== null && <Fact name="Group">{message.group}</Fact>}
        <Fact name="State">
          <StateOf message={message} />
        </Fact>
        {message.attempts !== null && <Fact name="Handed out">{`${message.attempts} times`}</Fact>}
        {message.holder !== null && <Fact name="Held by">{message.holder}</Fact>}
        {message.priority > 0 && <Fact name="Priority">{String(message.priority)}</Fact>}
        {message.expiresAt !== null && <Fact name="Expires">{clock(message.expiresAt)}</Fact>}
        <Fact name="Size">{size(message.body.bytes)}</Fact>
      </dl>
      <div class="row between">
        <Tabs<Look>
          label="How it is shown"
          tabs={looks}
          chosen={chosen}
          onChoose={id => {
            look.value = id
          }}
        />
        <div class="row">
          <Button small quiet onClick={() => copy(JSON.stringify(message, null, 2), 'JSON')}>
            Copy JSON
          </Button>
          <Button small quiet onClick={() => copy(asCurl(queue, message), 'curl')}>
            Copy curl
          </Button>
          <Button small quiet onClick={() => copy(asCode(queue, message), 'code')}>
            Copy code
          </Button>
          <a
            class="button small quiet"
            href={queueApi(queue, `/messages/${position}/body?index=${index}`)}
            download={`message-${position}.bin`}
          >
            Save body
          </a>
          {!isReadOnly() && (
            <>
              <Button small onClick={resend} disabled={doing.busy.value}>
                Send again
              </Button>
              {props.onEdit !== undefined && (
                <Button small onClick={() => props.onEdit!(message)}>
                  Edit and send
                </Button>
              )}
            </>
          )}
        </div>
      </div>
      <Said doing={doing} />
      <Content message={message} look={chosen} way={way} />
    </div>
  )
}

function Fact(props: { readonly name: string; readonly children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  )
}

function Content(props: {
  readonly message: Message
  readonly look: Look
  readonly way: readonly Step[]
}) {
  const { message, look } = props
  if (look === 'way') return <Way steps={props.way} />
  if (look === 'headers') {
    if (message.properties === null) return <p class="note">No headers or properties.</p>
    return <Block label="Headers">{JSON.stringify(message.properties, null, 2)}</Block>
  }
  const { body } = message
  const note = body.truncated && (
    <p class="note warn">The beginning of {size(body.bytes)}. “Save body” has all of it.</p>
  )
  if (look === 'hex') {
    return (
      <>
        {note}
        <Block label="Body in hexadecimal">{hexOf(message)}</Block>
      </>
    )
  }
  const pretty = look === 'json' ? prettyJson(message) : undefined
  if (look === 'json' && pretty === undefined) {
    return (
      <p class="note">This body is no JSON{body.truncated ? ', as far as it was read' : ''}.</p>
    )
  }
  if (look === 'text' && body.encoding === 'base64') {
    return <p class="note">This body is no text. Hex shows its bytes.</p>
  }
  return (
    <>
      {note}
      <Block label="Body">{pretty ?? (body.data === '' ? '(empty)' : body.data)}</Block>
    </>
  )
}

export function Block(props: { readonly label: string; readonly children: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="body-block" tabIndex={0} aria-label={props.label}>
      <pre>{props.children}</pre>
    </section>
  )
}

const stepSigns: { readonly [K in Step['what']]: string } = {
  published: '→',
  routed: '↓',
  died: '✕',
  leased: '◐',
  returned: '↻',
  waits: '◔',
  expires: '⌛',
}

function Way({ steps }: { readonly steps: readonly Step[] }) {
  return (
    <ol class="way">
      {steps.map((step, index) => (
        <li key={index} class={step.what}>
          <span class="sign" aria-hidden="true">
            {stepSigns[step.what]}
          </span>
          <span>{step.text}</span>
          {step.at !== null && (
            <time dateTime={new Date(step.at).toISOString()}>{clock(step.at)}</time>
          )}
        </li>
      ))}
    </ol>
  )
}

function prettyJson({ body }: Message): string | undefined {
  if (body.encoding !== 'text' || !/^\s*[[{"]/.test(body.data)) return undefined
  try {
    return JSON.stringify(JSON.parse(body.data), null, 2)
  } catch {
    return undefined
  }
}

function hexOf({ body }: Message): string {
  const bytes =
    body.encoding === 'text'
      ? new TextEncoder().encode(body.data)
      : Uint8Array.from(atob(body.data), character => character.charCodeAt(0))
  const lines: string[] = []
  for (let at = 0; at < Math.min(bytes.length, hexBytesMax); at += 16) {
    const row = [...bytes.subarray(at, at + 16)]
    const hex = row.map(byte => byte.toString(16).padStart(2, '0')).join(' ')
    const text = row
      .map(byte => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·'))
      .join('')
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(47)}  ${text}`)
  }
  if (bytes.length > hexBytesMax) lines.push(`… ${size(bytes.length - hexBytesMax)} more`)
  return lines.length === 0 ? '(empty)' : lines.join('\n')
}

function asCurl(queue: string, message: Message): string {
  const { data, encoding } = message.body
  const body = JSON.stringify({
    messages: [{ body: data, encoding, key: message.key || undefined }],
  })
  const url = location.origin + queueApi(queue, '/messages')
  const quoted = body.replaceAll("'", "'\\''")
  return `curl -X POST '${url}' -H 'content-type: application/json' -d '${quoted}'`
}
