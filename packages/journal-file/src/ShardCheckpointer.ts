/**
 * Owns: bringing a tenant's state to its checkpoint store. The tenant tells each change once, so a
 * delta that could not be written is kept and joined with the next.
 * Order: take the delta; wait until its last record is durable; write; look for the token; only
 * then delete what is superseded. A checkpoint that is published after the token has gone covers
 * more than the successor's seal, and is ignored.
 */
import type { Disk, Ownership } from "@skein/journal"
import { isMissing } from "@skein/journal"
import { shardName, skeinError } from "@skein/model"
import { fileKey, storedFile } from "./FileTable.js"
import { type Paths, parseShardFile, unfinished } from "./Layout.js"
import type { OpenShard } from "./OpenShard.js"
import { Turns } from "./Turns.js"

export class ShardCheckpointer {
  readonly #put = new Map<string, Uint8Array>()
  readonly #drop = new Set<string>()
  readonly #turns = new Turns()

  constructor(
    readonly disk: Disk,
    readonly paths: Paths,
    readonly ownership: Ownership,
    readonly shard: OpenShard,
  ) {}

  /** `true` when a checkpoint of the state at this moment is durable. */
  publish(): Promise<boolean> {
    return this.#turns.run(() => this.#publish())
  }

  /** The last checkpoint before the shard is given up; nothing that is not durable can be in it. */
  publishFinal(): Promise<boolean> {
    return this.#turns.run(async () => {
      const { shard } = this
      return shard.lastRecord === shard.durableRecord && this.#publish(shard.durableRecord)
    })
  }

  /** Runs while no checkpoint is written and nothing is swept. */
  exclusively<A>(work: () => Promise<A>): Promise<A> {
    return this.#turns.run(work)
  }

  async #publish(upTo = Number.POSITIVE_INFINITY): Promise<boolean> {
    const { shard } = this
    if (shard.tenant === undefined || shard.closed) return false
    const delta = shard.tenant.checkpoint()
    if (delta === undefined) return false
    shard.placedUpTo = delta.placedUpTo
    for (const { key, bytes } of delta.put) {
      this.#put.set(key, bytes)
      this.#drop.delete(key)
    }
    for (const key of delta.drop) {
      this.#put.delete(key)
      this.#drop.add(key)
    }
    const { recordNumber } = delta
    if (recordNumber > upTo) return false
    const files = shard.table.snapshot()
    shard.eventsBytes = 0
    const crc = await shard.whenDurable(recordNumber)
    if (crc === undefined) return false
    // Where the last frames lie the tenant may not have known. Their files are named too, though
    // they may be younger than the tenant's state, or have left the table meanwhile.
    const late = shard.framesBetween(delta.placedUpTo, recordNumber)
    if (late === undefined) return false
    const placements = late.map(({ generation, first, location, bytes }) => {
      return { generation, first, location, bytes }
    })
    for (const { entry } of late) {
      if (!files.some(({ id }) => id === entry.id)) files.push(storedFile(entry))
    }
    const [put, drop] = [this.#put, this.#drop]
    const checkpoint = { recordNumber, crc, files, placements, put, drop }
    await shard.store.publish(shard.epoch, checkpoint)
    put.clear()
    drop.clear()
    if (!this.ownership.holds(shard.shard, shard.epoch)) {
      shard.lose(skeinError("Moved", `${shardName(shard.shard)} was taken by another process`))
      return false
    }
    shard.checkpointRecord = recordNumber
    shard.published = new Set(files.map(({ ref }) => fileKey(ref)))
    await this.#sweep()
    return true
  }

  /** Deletes what the checkpoint that was just published makes needless. */
  async #sweep(): Promise<void> {
    const { shard } = this
    const kept = shard.store.fileNames
    for (const name of await this.disk.list(this.paths.shard(shard.shard))) {
      if (kept.has(name) || !this.#isNeedless(name)) continue
      const path = `${this.paths.shard(shard.shard)}/${name}`
      // An open file would keep its room.
      shard.reader.forget(path)
      try {
        await this.disk.unlink(path)
      } catch (error) {
        if (!isMissing(error)) throw error
      }
    }
  }

  #isNeedless(name: string): boolean {
    const { shard } = this
    if (name.endsWith(unfinished)) {
      const made = parseShardFile(name.slice(0, -unfinished.length))
      return made !== undefined && made.epoch < shard.epoch
    }
    const file = parseShardFile(name)
    if (file === undefined || file.epoch > shard.epoch) return false
    switch (file.kind) {
      case "owner":
        return false
      case "claim":
        return file.epoch < shard.epoch
      case "checkpoint":
        return true
      case "segment": {
        // The table may be ahead of the checkpoint: what either names is kept.
        const { epoch, number } = file
        const ref = { kind: "segment", epoch, number } as const
        return shard.table.findFile(ref).length === 0 && shard.published?.has(fileKey(ref)) !== true
      }
    }
  }
}
