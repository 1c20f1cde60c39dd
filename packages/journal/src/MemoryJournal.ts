/**
 * Owns: the journal without a disk: a product of its own (`Fabric.embedded({ memory: true })`) and
 * the driver of unit tests. It keeps what a replay needs, so that a shard that is opened again
 * recovers, and forgets everything with the process.
 * Interleaving to know: a tenant releases a frame when it evolves a record that is not committed
 * yet. The bytes go only with the commit that was begun after the release: a shard that is closed
 * in between must find the frame again.
 */
import type { Clock, Random, SkeinError } from "@skein/model"
import { limits, skeinError } from "@skein/model"
import { newInstanceId } from "./InstanceId.js"
import type { CommitResult, Journal, OpenedShard, ShardAppend } from "./Journal.js"
import { MemoryTokens, memoryOwnership } from "./MemoryOwnership.js"
import { MemoryShard } from "./MemoryShard.js"
import type { Ownership } from "./Ownership.js"
import { systemRandom } from "./SystemRandom.js"

export interface MemoryJournalOptions {
  /** Unused by the driver itself; kept equal to the file driver's options. */
  readonly clock?: Clock
  readonly random?: Random
  /** Reservations are refused beyond so many bytes of records and frames. Default: 1 GiB. */
  readonly bytesMax?: number
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

export const memoryJournal = (options: MemoryJournalOptions = {}): Journal => {
  const instance = newInstanceId(options.random ?? systemRandom)
  const ownership = options.ownership ?? memoryOwnership(new MemoryTokens(), instance)
  return new MemoryJournal(
    ownership,
    options.store ?? new MemoryStore(),
    options.bytesMax ?? 8 * limits.logUncleanedBytesMax,
  )
}

class MemoryJournal implements Journal {
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

  readonly openShard = async (shard: number): Promise<OpenedShard> => {
    if (this.#closed) throw skeinError("FabricClosed", "the journal is closed")
    const claim = await this.ownership.claim(shard)
    const opened = this.store.shard(shard).open(claim.epoch, () => {
      if (this.#open.get(shard)?.epoch === claim.epoch) this.#open.delete(shard)
    })
    this.#open.set(shard, opened)
    return opened
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
    this.unreserve(bytes)
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
