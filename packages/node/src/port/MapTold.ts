/**
 * Owns: the shard map as it is told to the connections of a port: when, and its envelope, encoded
 * once for all of them. Changes of one turn of the event loop are told together.
 * Must not know: the connections.
 */
import type { Clock } from "@skein/model"
import { encodeShardMap, type Parts, type ShardMap } from "@skein/wire"

export interface ShardMapSource {
  /** `undefined`: nothing is known yet. */
  readonly current: () => ShardMap | undefined
  /** `listener` is called after each change; the answer ends that. */
  readonly onChange: (listener: () => void) => () => void
}

export class MapTold {
  readonly #source: ShardMapSource | undefined
  readonly #endListening: () => void
  #envelope: Parts | undefined
  #scheduled = false
  #stopped = false

  /** `tell` is called in a turn of its own after changes. */
  constructor(source: ShardMapSource | undefined, clock: Clock, tell: () => void) {
    this.#source = source
    this.#endListening =
      source?.onChange(() => {
        this.#envelope = undefined
        if (this.#scheduled) return
        this.#scheduled = true
        clock.defer(() => {
          this.#scheduled = false
          if (!this.#stopped) tell()
        })
      }) ?? (() => {})
  }

  /** The newest; `undefined`: there is nothing to tell. */
  envelope(): Parts | undefined {
    if (this.#envelope === undefined) {
      const map = this.#source?.current()
      if (map !== undefined) this.#envelope = encodeShardMap(map)
    }
    return this.#envelope
  }

  stop(): void {
    this.#stopped = true
    this.#endListening()
  }
}
