/** Small schemas by hand, so that the suite depends on no library for them. */

import type { StandardSchema } from '../client/client.ts'

function shape<In, Out>(
  check: (value: unknown) => Out | { readonly wrong: string; readonly path: string },
): StandardSchema<In, Out> {
  return {
    '~standard': {
      version: 1,
      vendor: 'conformance',
      validate: value => {
        const checked = check(value)
        if (typeof checked === 'object' && checked !== null && 'wrong' in checked) {
          const { wrong, path } = checked
          return { issues: [{ message: wrong, path: path === '' ? [] : path.split('.') }] }
        }
        return { value: checked as Out }
      },
    },
  }
}

export const numbered = shape<{ n: number }, { n: number }>(value => {
  const { n } = (value ?? {}) as { n?: unknown }
  return typeof n === 'number'
    ? { n }
    : { wrong: `expected number, received ${typeof n}`, path: 'n' }
})

/** Text on the wire, a number for the consumer. */
export const parsed = shape<{ n: string }, { n: number }>(value => {
  const { n } = (value ?? {}) as { n?: unknown }
  const isDigits = typeof n === 'string' && /^\d+$/.test(n)
  return isDigits ? { n: Number(n) } : { wrong: 'expected digits', path: 'n' }
})

/** Accepts what `numbered` does, some time later. */
export const eventually: StandardSchema<{ n: number }, { n: number }> = {
  '~standard': {
    version: 1,
    vendor: 'conformance',
    validate: async value => numbered['~standard'].validate(value),
  },
}

/** Nothing fits. */
export const nothing = shape<never, never>(() => ({ wrong: 'nothing fits', path: 'deep.down' }))
