import { useSignal } from '@preact/signals'
import { Button } from './button.tsx'

export type CodeLine = readonly (readonly [kind: string, text: string])[]

/** Code whose colours were decided at build time; `edited` lines are marked. */
export function CodeBlock(props: {
  readonly title: string
  readonly lines: readonly CodeLine[]
  readonly edited?: ReadonlySet<number>
}) {
  const isCopied = useSignal(false)
  const copy = async () => {
    await navigator.clipboard.writeText(textOf(props.lines))
    isCopied.value = true
  }
  return (
    <figure class="code">
      <header>
        <figcaption>{props.title}</figcaption>
        <Button quiet small onClick={() => void copy()}>
          {isCopied.value ? 'Copied' : 'Copy'}
        </Button>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>
        <code>
          {props.lines.map((line, index) => (
            <span key={index} class={props.edited?.has(index) ? 'l edited' : 'l'}>
              {line.map(([kind, text], at) =>
                kind === '' ? (
                  text
                ) : (
                  <span key={at} class={kind}>
                    {text}
                  </span>
                ),
              )}
              {'\n'}
            </span>
          ))}
        </code>
      </pre>
    </figure>
  )
}

export function textOf(lines: readonly CodeLine[]): string {
  return `${lines.map(line => line.map(([, text]) => text).join('')).join('\n')}\n`
}
