/**
 * The SCRAM credentials of users: rows of a table, as `kafka-configs --alter` makes them, and those
 * of whoever else the broker knows.
 */

import type { EngineDoor } from '../../engine/engine.ts'
import { codes } from '../../wire/kafka/error-codes.ts'
import { type Credential, credentialOf, type Mechanism } from '../../wire/kafka/scram.ts'
import { KafkaError } from './errors.ts'
import { limits } from './limits.ts'
import { Memory } from './memory.ts'

/** In a row, bytes are hexadecimal. */
interface Row {
  readonly salt: string
  readonly iterations: number
  readonly storedKey: string
  readonly serverKey: string
}

type Find = (user: string, mechanism: Mechanism) => Credential | undefined

export class Credentials {
  readonly #memory: Memory<Row>

  readonly #others: Find

  /** `others` knows the users that were not set here. */
  constructor(engine: EngineDoor, others: Find = () => undefined) {
    this.#memory = new Memory(engine, 'scram')
    this.#others = others
  }

  find(user: string, mechanism: Mechanism): Credential | undefined {
    const row = this.#memory.get(fieldOf(user, mechanism))
    if (row === undefined) return this.#others(user, mechanism)
    const { salt, iterations, storedKey, serverKey } = row
    return {
      iterations,
      salt: fromHex(salt),
      storedKey: fromHex(storedKey),
      serverKey: fromHex(serverKey),
    }
  }

  /** Users in the order of their names, with their mechanisms. */
  users(): Map<string, Mechanism[]> {
    const fields = [...this.#memory.entries()].map(([field]) => field).sort()
    const users = new Map<string, Mechanism[]>()
    for (const field of fields) {
      const [user = '', mechanism] = field.split('\0')
      users.set(user, [...(users.get(user) ?? []), mechanism as Mechanism])
    }
    return users
  }

  set(
    user: string,
    mechanism: Mechanism,
    given: { salt: Uint8Array; iterations: number; saltedPassword: Uint8Array },
  ): void {
    if (user === '')
      throw new KafkaError(codes.UNACCEPTABLE_CREDENTIAL, 'Username must not be empty')
    if (given.iterations < limits.scramIterationsMin) {
      throw new KafkaError(codes.UNACCEPTABLE_CREDENTIAL, 'Too few iterations')
    }
    if (given.iterations > limits.scramIterationsMax) {
      throw new KafkaError(codes.UNACCEPTABLE_CREDENTIAL, 'Too many iterations')
    }
    const { salt, iterations, storedKey, serverKey } = credentialOf(mechanism, given)
    const row: Row = {
      iterations,
      salt: toHex(salt),
      storedKey: toHex(storedKey),
      serverKey: toHex(serverKey),
    }
    this.#memory.put([fieldOf(user, mechanism), row])
  }

  remove(user: string, mechanism: Mechanism): void {
    const field = fieldOf(user, mechanism)
    if (this.#memory.get(field) === undefined) {
      throw new KafkaError(
        codes.RESOURCE_NOT_FOUND,
        'Attempt to delete a user credential that does not exist',
      )
    }
    this.#memory.put([field, undefined])
  }
}

function fieldOf(user: string, mechanism: Mechanism): string {
  return `${user}\0${mechanism}`
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, octet => octet.toString(16).padStart(2, '0')).join('')
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], pair => Number.parseInt(pair, 16))
}
