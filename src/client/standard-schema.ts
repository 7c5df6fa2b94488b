/**
 * The Standard Schema interface, version 1 (https://standardschema.dev), as its authors ask for it
 * to be used: copied as types, not depended on. Zod, Valibot, ArkType and others implement it.
 */

export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => Result<Output> | Promise<Result<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type Result<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] }

export interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a schema accepts: what a producer writes. */
export type InputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['input']

/** What a schema makes of it: what a consumer gets. */
export type OutputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']
