declare module 'listing:*' {
  /** Lines of pairs: the class of a token, its text. */
  export const lines: readonly (readonly (readonly [string, string])[])[]
}
