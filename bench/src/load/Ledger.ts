/**
 * What one queue owes its author: every confirmed number arrives, once, and in order, unless it is
 * flagged as redelivered. Numbers begin at 0. Pure.
 */

export interface Audit {
  readonly confirmed: number
  /** Different numbers that arrived. */
  readonly arrived: number
  /** Confirmed, and never arrived. */
  readonly lost: number
  /** Arrived again, flagged: at-least-once allows it. */
  readonly repeated: number
  /** Arrived again or out of order without a flag. */
  readonly wrong: number
}

export class Ledger {
  private readonly confirmedBits = new Bits()
  private readonly arrivedBits = new Bits()
  private newest = -1
  private repeated = 0
  private wrong = 0

  confirmed(first: number, count: number): void {
    for (let at = first; at < first + count; at++) this.confirmedBits.set(at)
  }

  /** `isFlagged` is asked only where it matters. */
  arrived(number: number, isFlagged: () => boolean): void {
    const isNew = this.arrivedBits.set(number)
    if (isNew && number > this.newest) {
      this.newest = number
      return
    }
    if (!isFlagged()) this.wrong++
    else if (!isNew) this.repeated++
  }

  audit(): Audit {
    return {
      confirmed: this.confirmedBits.size,
      arrived: this.arrivedBits.size,
      lost: this.confirmedBits.without(this.arrivedBits),
      repeated: this.repeated,
      wrong: this.wrong,
    }
  }
}

/** A set of small numbers. */
class Bits {
  size = 0
  private words = new Uint32Array(64)

  /** False: it was there. */
  set(number: number): boolean {
    const [word, bit] = [number >>> 5, 1 << (number & 31)]
    if (word >= this.words.length) {
      const grown = new Uint32Array(Math.max(2 * this.words.length, word + 1))
      grown.set(this.words)
      this.words = grown
    }
    if ((this.words[word]! & bit) !== 0) return false
    this.words[word]! |= bit
    this.size++
    return true
  }

  /** How many of these are not in `other`. */
  without(other: Bits): number {
    let count = 0
    for (let at = 0; at < this.words.length; at++) {
      for (let left = this.words[at]! & ~(other.words[at] ?? 0); left !== 0; left &= left - 1) {
        count++
      }
    }
    return count
  }
}

export const sumOf = (audits: readonly Audit[]): Audit => {
  const sum = (of: (audit: Audit) => number): number =>
    audits.reduce((total, audit) => total + of(audit), 0)
  return {
    confirmed: sum(({ confirmed }) => confirmed),
    arrived: sum(({ arrived }) => arrived),
    lost: sum(({ lost }) => lost),
    repeated: sum(({ repeated }) => repeated),
    wrong: sum(({ wrong }) => wrong),
  }
}
