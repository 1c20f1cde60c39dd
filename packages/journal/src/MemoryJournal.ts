/**
 * Owns: the journal without a disk: a product of its own (`Fabric.embedded({ memory: true })`) and
 * the driver of unit tests. It keeps what a replay needs, so that a shard that is opened again
 * recovers, and forgets everything with the process.
 * Interleaving to know: a tenant releases a frame when it evolves a record that is not committed
 * yet. The bytes go only with the commit that was begun after the release: a shard that is closed
 * in between must find the frame again.
 */
import type { Clock, Epoch, InstanceId, Random, Shard, SkeinError } from "@skein/model"
import { limits, shardName, skeinError } from "@skein/model"
import { newInstanceId } from "./InstanceId.js"
import type { CommitResult, FollowedShard, Journal, OpenedShard, ShardAppend } from "./Journal.js"
import { MemoryFollower } from "./MemoryFollower.js"
import { MemoryTokens, memoryOwnership } from "./MemoryOwnership.js"
import { type MemoryHandle, MemoryShard } from "./MemoryShard.js"
import type { Ownership } from "./Ownership.js"
import { systemRandom } from "./SystemRandom.js"

export interface MemoryJournalOptions {
  /** Unused by the driver itself; kept equal to the file driver's options. */
  readonly clock?: Clock
  readonly random?: Random
  /** Reservations are refused beyond so many bytes of records and frames. Default: 1 GiB. */
  readonly bytesMax?: number
  /** What several journals of one fabric have in common; instead of `ownership` and `store`. */
  readonly shared?: SharedMemory
  /** Who owns what; share one between two journals to test fencing. Default: its own tokens. */
  readonly ownership?: Ownership
  /** What is stored; share it between two journals to test a takeover. Default: its own store. */
  readonly store?: MemoryStore
}

/** What would be on a disk. */
export class MemoryStore {
  readonly shards = new Map<number, MemoryShard>()

  shard(shard: number): MemoryShard {
    let stored = this.shards.get(shard)
    if (stored === undefined) {
      stored = new MemoryShard(shard)
      this.shards.set(shard, stored)
    }
    return stored
  }

  get bytes(): number {
    let bytes = 0
    for (const shard of this.shards.values()) bytes += shard.bytes
    return bytes
  }
}

/** What a data directory is to the file driver: several journals over one are one fabric. */
export class SharedMemory {
  readonly tokens = new MemoryTokens()
  readonly store = new MemoryStore()
}

export const memoryJournal = (options: MemoryJournalOptions = {}): MemoryJournal => {
  const shared = options.shared ?? new SharedMemory()
  const instance = newInstanceId(options.random ?? systemRandom)
  return new MemoryJournal(
    options.ownership ?? memoryOwnership(shared.tokens, instance),
    options.store ?? shared.store,
    options.bytesMax ?? 8 * limits.logUncleanedBytesMax,
  )
}

export class MemoryJournal implements Journal {
  readonly failed: Promise<SkeinError> = new Promise(() => {})
  readonly #open = new Map<number, OpenedShard>()
  #commits = 0
  #committedBytes = 0
  #reservedBytes = 0
  #closed = false

  constructor(
    readonly ownership: Ownership,
    readonly store: MemoryStore,
    readonly bytesMax: number,
  ) {}

  get instance(): InstanceId {
    return this.ownership.instance
  }

  readonly openShard = async (shard: Shard): Promise<OpenedShard> => {
    this.#refuseWhenClosed()
    const claim = await this.ownership.claim(shard)
    const stored = this.store.shard(shard)
    return this.#opened(shard, stored.open(this.#handle(shard, claim.epoch)))
  }

  readonly follow = async (shard: Shard): Promise<FollowedShard> => {
    this.#refuseWhenClosed()
    const owner = await this.ownership.holder(shard)
    if (owner === undefined || owner.instance === this.instance) {
      const detail = `no other process owns ${shardName(shard)}`
      throw skeinError("ShardUnavailable", detail, { shard })
    }
    return new MemoryFollower(this.store.shard(shard), (epoch, open) => {
      this.#refuseWhenClosed()
      if (!this.ownership.holds(shard, epoch)) {
        throw skeinError("Moved", `${shardName(shard)} is not here`, { shard })
      }
      return this.#opened(shard, open(this.#handle(shard, epoch)))
    })
  }

  #handle(shard: Shard, epoch: Epoch): MemoryHandle {
    return {
      epoch,
      onClose: () => {
        if (this.#open.get(shard)?.epoch === epoch) this.#open.delete(shard)
      },
      hand: (to, recordNumber) => this.ownership.hand({ shard, epoch, to, recordNumber, crc: 0 }),
    }
  }

  #opened(shard: Shard, opened: OpenedShard): OpenedShard {
    this.#open.set(shard, opened)
    return opened
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw skeinError("FabricClosed", "the journal is closed")
  }

  readonly commit = async (batch: readonly ShardAppend[]): Promise<readonly CommitResult[]> => {
    const releases = batch.map((append) => this.store.shard(append.shard).pendingReleases())
    // A turn of the event loop, as a disk would take: callers must not count on less.
    await Promise.resolve()
    this.#commits++
    return batch.map((append, at) => this.#commitOne(append, releases[at]))
  }

  #commitOne(append: ShardAppend, releases: number): CommitResult {
    const { shard, epoch } = append
    if (this.#closed) {
      const error = skeinError("FabricClosed", "the journal is closed")
      return { _tag: "Refused", shard, error }
    }
    const held = this.ownership.holds(shard, epoch) && this.#open.get(shard)?.epoch === epoch
    if (!held) return { _tag: "Fenced", shard }
    const stored = this.store.shard(shard)
    const { locations, bytes } = stored.append(append)
    stored.freeReleased(releases)
    stored.checkpointIfDue()
    this.#committedBytes += bytes
    return { _tag: "Committed", shard, recordNumber: stored.lastRecord, locations }
  }

  readonly reserve = (bytes: number, purpose: "publish" | "settle"): boolean => {
    const max = purpose === "publish" ? this.bytesMax - this.bytesMax / 8 : this.bytesMax
    if (this.store.bytes + this.#reservedBytes + bytes > max) return false
    this.#reservedBytes += bytes
    return true
  }

  readonly unreserve = (bytes: number): void => {
    this.#reservedBytes = Math.max(0, this.#reservedBytes - bytes)
  }

  readonly noRoom = (bytes: number, purpose: "publish" | "settle"): SkeinError => {
    const { freeBytes } = this.status()
    const kept = purpose === "publish" ? ` ${this.bytesMax / 8} are kept for settles;` : ""
    const detail =
      `no room is left in the journal for ${bytes} bytes: of ${this.bytesMax} in memory ` +
      `${freeBytes} are free,${kept} consuming makes room`
    return skeinError("DiskFull", detail, { freeBytes, wantedBytes: bytes })
  }

  readonly status = () =>
    ({
      driver: "memory",
      durability: "memory",
      uncleanedBytes: this.store.bytes,
      freeBytes: Math.max(0, this.bytesMax - this.store.bytes - this.#reservedBytes),
      commits: this.#commits,
      committedBytes: this.#committedBytes,
    }) as const

  readonly close = async (): Promise<void> => {
    for (const opened of [...this.#open.values()]) await opened.close()
    this.#closed = true
  }
}
