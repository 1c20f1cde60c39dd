/**
 * Owns: one at a time, in the order of asking. Not a chain of promises: once one of them is old,
 * each keeps the next one's memory until a full garbage collection, commit by commit.
 */
export class Turns {
  #busy = false
  readonly #waiting: (() => void)[] = []

  async run<A>(work: () => Promise<A>): Promise<A> {
    if (this.#busy) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#busy = true
    try {
      return await work()
    } finally {
      // Handed on without a gap: nobody who comes meanwhile is served first.
      const next = this.#waiting.shift()
      if (next === undefined) this.#busy = false
      else next()
    }
  }
}
