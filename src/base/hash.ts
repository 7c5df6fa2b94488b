/**
 * A fast, stable 64-bit hash for comparing states and outputs in tests: not for secrets, not for
 * what is stored. Two multiplicative lanes with different primes over the same bytes, each finished
 * with MurmurHash3's mixer.
 */

const prime = 0x0100_0193
const otherPrime = 0x85eb_ca6b | 0

export class Hash {
  #low = 0x811c_9dc5 | 0
  #high = 0x9e37_79b9 | 0

  bytes(bytes: Uint8Array): this {
    let low = this.#low
    let high = this.#high
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes[index]!
      low = Math.imul(low ^ byte, prime)
      high = Math.imul(high ^ byte, otherPrime)
      high ^= high >>> 15
    }
    this.#low = low
    this.#high = high
    return this.number(bytes.length)
  }

  /** A whole number (all of its 53 bits) or any other double. */
  number(value: number): this {
    if (Number.isSafeInteger(value)) {
      this.#word(value | 0)
      this.#word(Math.floor(value / 0x1_0000_0000) | 0)
      return this
    }
    return this.text(String(value))
  }

  text(text: string): this {
    for (let index = 0; index < text.length; index++) this.#word(text.charCodeAt(index))
    this.#word(text.length)
    return this
  }

  /** Sixteen hexadecimal digits. More may be added afterwards. */
  hex(): string {
    return hexWord(finish(this.#low ^ this.#high)) + hexWord(finish(this.#high))
  }

  #word(word: number): void {
    this.#low = Math.imul(this.#low ^ word, prime)
    this.#low ^= this.#low >>> 13
    this.#high = Math.imul(this.#high ^ word, otherPrime)
    this.#high ^= this.#high >>> 15
  }
}

/** The hash of `bytes` alone. */
export function hashBytes(bytes: Uint8Array): string {
  return new Hash().bytes(bytes).hex()
}

function finish(word: number): number {
  let mixed = word
  mixed = Math.imul(mixed ^ (mixed >>> 16), otherPrime)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35 | 0)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

function hexWord(word: number): string {
  return word.toString(16).padStart(8, '0')
}
