/** Checks values against a contract's schema, and says where they are wrong. */

import { type ShapeIssue, ValidationError } from './errors.ts'
import type { Issue, Result, StandardSchema } from './standard-schema.ts'

export type Validated<Out> =
  | { readonly ok: true; readonly value: Out }
  | { readonly ok: false; readonly issues: readonly ShapeIssue[] }

/** Answers at once unless the schema itself is asynchronous. Without a schema anything goes. */
export function validate<Out>(
  schema: StandardSchema<unknown, Out> | undefined,
  value: unknown,
): Validated<Out> | Promise<Validated<Out>> {
  if (schema === undefined) return { ok: true, value: value as Out }
  const result = schema['~standard'].validate(value)
  return result instanceof Promise ? result.then(validated) : validated(result)
}

function validated<Out>(result: Result<Out>): Validated<Out> {
  if (result.issues === undefined) return { ok: true, value: result.value }
  return { ok: false, issues: result.issues.map(shapeIssue) }
}

function shapeIssue({ message, path = [] }: Issue): ShapeIssue {
  const steps = path.map(step => String(typeof step === 'object' ? step.key : step))
  return { path: steps.join('.'), message }
}

/** For producers: nothing was sent. */
export function sendRejected(contract: string, issues: readonly ShapeIssue[]): ValidationError {
  const why = `${contract} rejected: ${printIssues(issues)}. (nothing was sent)`
  return new ValidationError({ code: 'SPILLWAY_V_SEND', why, issues })
}

export function printIssues(issues: readonly ShapeIssue[]): string {
  return issues
    .map(({ path, message }) => (path === '' ? message : `${path} — ${message}`))
    .join('; ')
}
