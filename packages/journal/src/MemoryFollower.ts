/**
 * Owns: reading along a shard in memory: a copy of what was stored when it began, and each record
 * since. It holds that copy until it is opened or closed.
 */
import type { Epoch } from "@skein/model"
import { skeinError } from "@skein/model"
import type { Chunk, FollowedShard, OpenedShard, ReplayedRecord } from "./Journal.js"
import type { MemoryBase, MemoryHandle, MemoryShard } from "./MemoryShard.js"

/** Looks at the token, and opens by `open`. */
type OpenByToken = (epoch: Epoch, open: (handle: MemoryHandle) => OpenedShard) => OpenedShard

export class MemoryFollower implements FollowedShard {
  readonly #base: MemoryBase
  #taken = 0
  #over = false

  constructor(
    readonly stored: MemoryShard,
    readonly openByToken: OpenByToken,
  ) {
    this.#base = stored.follow()
  }

  get shard(): number {
    return this.stored.shard
  }

  get checkpoint(): FollowedShard["checkpoint"] {
    const { recordNumber, chunks, placements } = this.#base
    return { recordNumber, chunks: readChunks(chunks), placements }
  }

  async *catchUp(): AsyncGenerator<ReplayedRecord> {
    this.#refuseWhenOver()
    while (this.#taken < this.#base.records.length) yield this.#base.records[this.#taken++]
  }

  readonly behindBytes = async (): Promise<number> => {
    this.#refuseWhenOver()
    let bytes = 0
    for (const { events, frames } of this.#base.records.slice(this.#taken)) {
      bytes += events.length
      for (const frame of frames) bytes += frame.bytes
    }
    return bytes
  }

  readonly open = async (epoch: Epoch): Promise<OpenedShard> => {
    this.#refuseWhenOver()
    return this.openByToken(epoch, (handle) => {
      this.#over = true
      return this.stored.openFollowed(this.#base, this.#taken, handle)
    })
  }

  readonly close = async (): Promise<void> => {
    this.#over = true
    this.stored.unfollow(this.#base)
  }

  #refuseWhenOver(): void {
    if (this.#over) throw skeinError("ShardUnavailable", "it is not followed any more")
  }
}

async function* readChunks(chunks: ReadonlyMap<string, Uint8Array>): AsyncGenerator<Chunk> {
  for (const [key, bytes] of chunks) yield { key, bytes }
}
