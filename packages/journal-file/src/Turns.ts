/** Owns: one at a time, in the order of asking. */

export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  run<A>(work: () => Promise<A>): Promise<A> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => {})
    return turn
  }
}
