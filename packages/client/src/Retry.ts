/** Owns: trying again after a pause that grows until something succeeds: one timer at a time. */
import { backoffMs, type Runtime } from "./Runtime.js"

interface Bounds {
  readonly minMs: number
  readonly maxMs: number
}

export class Retry {
  readonly #runtime: Runtime
  readonly #bounds: Bounds
  #attempt = 0
  #cancel: (() => void) | undefined

  constructor(runtime: Runtime, bounds: Bounds) {
    this.#runtime = runtime
    this.#bounds = bounds
  }

  get isWaiting(): boolean {
    return this.#cancel !== undefined
  }

  /** Calls `run` after the next pause; nothing while one is under way. */
  later(run: () => void): void {
    if (this.#cancel !== undefined) return
    const delayMs = backoffMs(this.#runtime.random, this.#attempt, this.#bounds)
    this.#attempt++
    this.#cancel = this.#runtime.clock.setTimer(delayMs, () => {
      this.#cancel = undefined
      run()
    })
  }

  /** The next pause is short again. */
  succeeded(): void {
    this.#attempt = 0
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}
