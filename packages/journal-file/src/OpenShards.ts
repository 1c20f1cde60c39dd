/**
 * Owns: which shards this process has open, each with the writer of its checkpoints, and how one
 * ends: given up, lost to another process, or with the whole journal.
 */
import type { Ownership } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Shard, SkeinError } from "@skein/model"
import { shardName, skeinError } from "@skein/model"
import type { Cleanable } from "./Cleaner.js"
import type { OpenShard } from "./OpenShard.js"
import type { ShardCheckpointer } from "./ShardCheckpointer.js"

export class OpenShards {
  readonly #open = new Map<Shard, OpenShard>()
  readonly #checkpointers = new Map<OpenShard, ShardCheckpointer>()
  #closings = 0

  constructor(
    readonly ownership: Ownership,
    /** What the disk says when a shard's files are let go. */
    readonly onFailure: (error: unknown) => void,
  ) {}

  get all(): readonly OpenShard[] {
    return [...this.#open.values()]
  }

  /** How many have been closed so far. */
  get closings(): number {
    return this.#closings
  }

  get(shard: Shard): OpenShard | undefined {
    return this.#open.get(shard)
  }

  /** Unless another process has it: it is judged by what that one has stored. */
  serving(shard: Shard): OpenShard | undefined {
    const open = this.#open.get(shard)
    return open?.closed === true ? undefined : open
  }

  cleanable(shard: Shard): Cleanable | undefined {
    const open = this.serving(shard)
    const checkpointer = open === undefined ? undefined : this.#checkpointers.get(open)
    if (open === undefined || checkpointer === undefined) return undefined
    return { shard: open, checkpointer }
  }

  checkpointer(open: OpenShard): ShardCheckpointer | undefined {
    return this.#checkpointers.get(open)
  }

  /** In the place of the one that was open before. */
  add(open: OpenShard): void {
    const former = this.#open.get(open.shard)
    if (former !== undefined) this.forget(former)
    this.#open.set(open.shard, open)
  }

  /** Its tenant is attached: checkpoints can be written. */
  attach(open: OpenShard, checkpointer: ShardCheckpointer): void {
    this.#checkpointers.set(open, checkpointer)
  }

  forget(open: OpenShard): void {
    this.#closings++
    open.end()
    const release = () => open.store.release()
    const released = this.#checkpointers.get(open)?.exclusively(release) ?? release()
    void released.catch((error: unknown) => this.onFailure(error))
    this.#checkpointers.delete(open)
    if (this.#open.get(open.shard) === open) this.#open.delete(open.shard)
  }

  /** Another process has it. */
  lose(open: OpenShard): void {
    open.lose(skeinError("Moved", `${shardName(open.shard)} was taken by another process`))
    this.forget(open)
  }

  /**
   * Whether a file is missing because a shard has a new owner, who needs it no longer: a process
   * that was stopped finds out in this way too. The shard is closed, nothing has failed.
   */
  wasFenced(error: unknown): boolean {
    if (!isMissing(error)) return false
    const lost = this.all.filter(({ shard, epoch }) => !this.ownership.holds(shard, epoch))
    for (const open of lost) this.lose(open)
    return lost.length > 0
  }

  /** The journal has failed. */
  loseAll(why: SkeinError): void {
    for (const open of this.all) open.lose(why)
    this.#open.clear()
  }
}
