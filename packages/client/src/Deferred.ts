/** Owns: a promise with its two ends in the hand, made without a closure of its own. */

export class Deferred<A> {
  readonly promise: Promise<A>
  readonly resolve: (value: A) => void
  readonly reject: (error: unknown) => void

  constructor() {
    this.promise = new Promise<A>(takeEnds)
    this.resolve = takenResolve as (value: A) => void
    this.reject = takenReject
  }
}

/** For promises whose rejection somebody else handles: keeps Node from reporting them. */
export const ignore = (): void => {}

// The executor runs synchronously inside `new Promise`, so one pair of variables serves all.
let takenResolve: (value: never) => void = ignore
let takenReject: (error: unknown) => void = ignore
const takeEnds = (resolve: (value: never) => void, reject: (error: unknown) => void): void => {
  takenResolve = resolve
  takenReject = reject
}
