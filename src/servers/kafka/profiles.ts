/**
 * The Kafka that clients see. A profile bounds the versions of every key; before 4.0 the versions
 * that Kafka 4 has dropped (KIP-896) are served as well, and with them message sets. Keys that a
 * profile does not name are not there.
 */

export const profileNames = ['4.2', '3.9', '2.4'] as const
export type ProfileName = (typeof profileNames)[number]

export function isProfileName(name: string): name is ProfileName {
  return (profileNames as readonly string[]).includes(name)
}

type Ranges = { readonly [key: number]: readonly [since: number, until: number] }

/** Undefined: as the table of commands says. */
export const profileRanges: { readonly [Name in ProfileName]: Ranges | undefined } = {
  '4.2': undefined,
  // Read from the messages of kafka-clients 3.9.1.
  '3.9': {
    ...{ 0: [0, 11], 1: [0, 17], 2: [0, 9], 3: [0, 12], 8: [0, 9], 9: [0, 9], 10: [0, 6] },
    ...{ 11: [0, 9], 12: [0, 4], 13: [0, 5], 14: [0, 5], 15: [0, 5], 16: [0, 5], 17: [0, 1] },
    ...{ 18: [0, 4], 19: [0, 7], 20: [0, 6], 21: [0, 2], 22: [0, 5], 23: [0, 4], 24: [0, 5] },
    ...{ 25: [0, 4], 26: [0, 4], 28: [0, 4], 29: [0, 3], 30: [0, 3], 31: [0, 3], 32: [0, 4] },
    ...{ 33: [0, 2], 35: [0, 4], 36: [0, 2], 37: [0, 3], 42: [0, 2], 43: [0, 2], 44: [0, 1] },
    ...{ 45: [0, 0], 46: [0, 0], 47: [0, 0], 48: [0, 1], 49: [0, 1], 50: [0, 0], 51: [0, 0] },
    ...{ 55: [0, 2], 57: [0, 1], 60: [0, 1], 61: [0, 0], 65: [0, 0], 66: [0, 1], 68: [0, 0] },
    ...{ 69: [0, 0], 74: [0, 0], 75: [0, 0] },
  },
  // Read from the messages of kafka-clients 2.4.1.
  '2.4': {
    ...{ 0: [0, 8], 1: [0, 11], 2: [0, 5], 3: [0, 9], 8: [0, 8], 9: [0, 6], 10: [0, 3] },
    ...{ 11: [0, 6], 12: [0, 4], 13: [0, 4], 14: [0, 4], 15: [0, 5], 16: [0, 3], 17: [0, 1] },
    ...{ 18: [0, 3], 19: [0, 5], 20: [0, 4], 21: [0, 1], 22: [0, 2], 23: [0, 3], 24: [0, 1] },
    ...{ 25: [0, 1], 26: [0, 1], 28: [0, 2], 29: [0, 1], 30: [0, 1], 31: [0, 1], 32: [0, 2] },
    ...{ 33: [0, 1], 35: [0, 1], 36: [0, 1], 37: [0, 1], 42: [0, 2], 43: [0, 2], 44: [0, 1] },
    ...{ 45: [0, 0], 46: [0, 0], 47: [0, 0] },
  },
}
