/**
 * Moves random shards to random nodes without a pause, two at a time, until it is stopped. A move
 * may be refused (the target is silent, the shard is there already): only errors that no operator
 * should see end it, and are told by `stop`.
 */
import type { Prng } from "@skein/test-checker"
import type { MoveEnd, SkeinOperator } from "../SkeinOperator.js"

export interface MoverSettings {
  readonly operator: SkeinOperator
  readonly prng: Prng
  readonly shards: number
  readonly nodes: readonly string[]
}

const atOnce = 2

export class Mover {
  readonly ends: Record<MoveEnd, number> = { moved: 0, refused: 0, unknown: 0 }
  #stopped = false
  readonly #running: Promise<unknown>

  /** Begins at once. */
  constructor(private readonly settings: MoverSettings) {
    this.#running = Promise.all(Array.from({ length: atOnce }, () => this.#move()))
    // Told by `stop`.
    this.#running.catch(() => {})
  }

  /** Resolves when the moves that are under way have ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  get done(): string {
    const { moved, refused, unknown } = this.ends
    return `${moved} moves, ${refused} refused, ${unknown} without an answer`
  }

  async #move(): Promise<void> {
    const { operator, prng, shards, nodes } = this.settings
    while (!this.#stopped) {
      const shard = prng.between(0, shards - 1)
      this.ends[await operator.move(shard, nodes[prng.between(0, nodes.length - 1)])]++
    }
  }
}
