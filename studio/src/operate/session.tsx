/** The gate before the live pages: who has not signed in does it here. */

import { signal, useSignal } from '@preact/signals'
import type { ComponentChildren, ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Session } from '../../../src/admin/contract.ts'
import { type ApiError, api } from '../api.ts'
import { Button } from '../ui/button.tsx'
import { Empty } from '../ui/empty.tsx'
import { PageHead } from '../ui/page-head.tsx'
import './operate.css'

const session = signal<Session | undefined>(undefined)
const failure = signal<string | undefined>(undefined)

async function look(): Promise<void> {
  try {
    session.value = await api<Session>('/api/session')
    failure.value = undefined
  } catch (error) {
    failure.value = (error as ApiError).message
  }
}

/** Settles when it is known who looks, or that nobody can tell. */
export function sessionKnown(): Promise<void> {
  if (session.value !== undefined) return Promise.resolve()
  looking ??= look().finally(() => {
    looking = undefined
  })
  return looking
}

let looking: Promise<void> | undefined

export function isReadOnly(): boolean {
  return session.value?.readOnly === true
}

/** A live page: shown to whoever may see it. */
export function Live(props: { readonly children: ComponentChildren }) {
  useEffect(() => void sessionKnown(), [])
  if (failure.value !== undefined) {
    return (
      <Empty title="The broker does not answer">
        <p>{failure.value}</p>
        <p>
          <Button onClick={look}>Try again</Button>
        </p>
      </Empty>
    )
  }
  const known = session.value
  if (known === undefined) return <p class="visually-hidden">Loading</p>
  if (known.required && known.user === null) return <SignIn />
  if (known.attached !== undefined) return <Elsewhere readOnly={known.readOnly} />
  return (
    <div class="live stack">
      {(known.user !== null || known.readOnly) && (
        <p class="session row">
          {known.readOnly && <span class="badge warn">Read only</span>}
          {known.user !== null && <span>{known.user}</span>}
          {known.user !== null && (
            <Button quiet small onClick={signOut}>
              Sign out
            </Button>
          )}
        </p>
      )}
      {props.children}
    </div>
  )
}

/** The pages of a studio that looks at another backend; their code is loaded there alone. */
const elsewhere = signal<ComponentType | undefined>(undefined)

function Elsewhere({ readOnly }: { readonly readOnly: boolean }) {
  useEffect(() => {
    void import('./attached.tsx').then(module => {
      elsewhere.value = module.AttachedPages
    })
  }, [])
  const Pages = elsewhere.value
  return (
    <div class="live stack">
      {readOnly && (
        <p class="session row">
          <span class="badge warn">Read only</span>
        </p>
      )}
      {Pages === undefined ? <p class="visually-hidden">Loading</p> : <Pages />}
    </div>
  )
}

async function signOut(): Promise<void> {
  await api('/api/session', { method: 'DELETE' })
  await look()
}

function SignIn() {
  const name = useSignal('')
  const password = useSignal('')
  const refusal = useSignal<string | undefined>(undefined)
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    try {
      session.value = await api<Session>('/api/session', {
        body: { name: name.value, password: password.value },
      })
    } catch (error) {
      refusal.value = (error as ApiError).message
      password.value = ''
    }
  }
  return (
    <>
      <PageHead title="Sign in">This broker has users. Use the name and password of one.</PageHead>
      <form class="panel sign-in" onSubmit={submit}>
        <div class="body stack">
          {refusal.value !== undefined && (
            <p class="note bad" role="alert">
              {refusal.value}
            </p>
          )}
          <label class="field">
            <span class="label">Name</span>
            <input
              class="input"
              autocomplete="username"
              required
              value={name.value}
              onInput={event => {
                name.value = event.currentTarget.value
              }}
            />
          </label>
          <label class="field">
            <span class="label">Password</span>
            <input
              class="input"
              type="password"
              autocomplete="current-password"
              required
              value={password.value}
              onInput={event => {
                password.value = event.currentTarget.value
              }}
            />
          </label>
          <div>
            <Button primary submit>
              Sign in
            </Button>
          </div>
        </div>
      </form>
    </>
  )
}
