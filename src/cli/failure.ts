/** How a command ends when it does not succeed: what, why, and what to do, with an exit code. */

export const exitCodes = {
  ok: 0,
  error: 1,
  usage: 2,
  notFound: 3,
  unsupported: 4,
  timeout: 5,
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export class CommandFailure extends Error {
  /** Such as `SPILLWAY_E_PORT`: stable, for scripts and searches. */
  readonly code: string
  readonly exitCode: ExitCode

  constructor(code: string, message: string, exitCode: ExitCode = exitCodes.error) {
    super(message)
    this.name = 'CommandFailure'
    this.code = code
    this.exitCode = exitCode
  }
}

export function usageFailure(message: string): CommandFailure {
  return new CommandFailure('SPILLWAY_E_USAGE', message, exitCodes.usage)
}
