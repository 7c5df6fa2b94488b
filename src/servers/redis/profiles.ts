/**
 * The Redis that clients see. A profile knows the commands and options that its version has, and
 * says what that version says; the table in README.md lists what differs.
 */

/** Oldest first; the value is what HELLO and INFO answer. */
export const profiles = {
  '7.0': '7.0.15',
  '7.2': '7.2.6',
  '7.4': '7.4.0',
  '8.0': '8.0.0',
  '8.2': '8.2.0',
  '8.4': '8.4.0',
  '8.6': '8.6.0',
  '8.8': '8.8.0',
  '8.10': '8.10.0',
} as const

export type ProfileName = keyof typeof profiles

export const latestProfile: ProfileName = '8.10'

export function isProfileName(name: string): name is ProfileName {
  return Object.hasOwn(profiles, name)
}
