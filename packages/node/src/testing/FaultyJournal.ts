/**
 * Owns: a journal in front of another one, whose commits can be held back, refused or made to
 * throw, and which counts what is reserved and released. For tests.
 */
import type {
  CommitResult,
  FollowedShard,
  FrameKey,
  Journal,
  Location,
  OpenedShard,
  ReplayedFrame,
  ShardAppend,
} from "@skein/journal"
import { type Shard, type SkeinError, skeinError } from "@skein/model"

export class FaultyJournal implements Journal {
  readonly failed: Promise<SkeinError>
  /** Ends the journal as an EIO does. */
  fail: (error: SkeinError) => void = () => {}
  /** Reserved and not given back. */
  reserved = 0
  full = false
  /** What was given back, `shard:location` -> how often. */
  readonly released = new Map<string, number>()
  /** Commits that have been answered. */
  commits = 0
  /** Refuses each commit of these shards; an opening refuses likewise. */
  readonly refusing = new Map<Shard, SkeinError>()
  readonly unopenable = new Map<Shard, SkeinError>()
  readonly unreadable = new Set<string>()
  /** Frames of followed shards that their owner's cleaner copies to `location`, from `old`. */
  readonly copied: (ReplayedFrame & { readonly old: Location })[] = []
  /** Told when a shard is closed in order. */
  onClose: (shard: Shard) => void = () => {}
  /** The next commit ends so. */
  next: "reject" | "throw" | undefined
  private gate: Promise<void> | undefined
  private openGate: () => void = () => {}

  constructor(private readonly inner: Journal) {
    this.failed = new Promise((resolve) => {
      this.fail = resolve
    })
  }

  /** Commits reach the store from now on, but their answers wait until `let`. */
  hold(): void {
    this.gate ??= new Promise((resolve) => {
      this.openGate = resolve
    })
  }

  let(): void {
    this.gate = undefined
    this.openGate()
  }

  readonly commit = (batch: readonly ShardAppend[]): Promise<readonly CommitResult[]> => {
    const { next } = this
    this.next = undefined
    if (next === "throw") throw new Error("the journal threw")
    if (next === "reject") return Promise.reject(new Error("the journal rejected"))
    return this.commitAll(batch)
  }

  readonly openShard = async (shard: Shard): Promise<OpenedShard> => {
    const problem = this.unopenable.get(shard)
    if (problem !== undefined) throw problem
    return this.watched(shard, await this.inner.openShard(shard))
  }

  readonly follow = async (shard: Shard): Promise<FollowedShard> => {
    const followed = await this.inner.follow(shard)
    return {
      shard,
      checkpoint: followed.checkpoint,
      catchUp: () => followed.catchUp(),
      behindBytes: followed.behindBytes,
      open: async (epoch) => this.watched(shard, this.cleaned(await followed.open(epoch))),
      close: followed.close,
    }
  }

  /** Where the frames were nothing can be read any more. */
  private cleaned(opened: OpenedShard): OpenedShard {
    const nowhere = -1
    const oldOf = (location: Location): Location =>
      this.copied.some(({ old }) => old === location)
        ? nowhere
        : (this.copied.find((copy) => copy.location === location)?.old ?? location)
    return {
      ...opened,
      checkpoint: { ...opened.checkpoint, placements: this.copied },
      attach: (tenant) =>
        opened.attach({
          checkpoint: () => tenant.checkpoint(),
          locate: (key) => oldOf(tenant.locate(key) ?? nowhere),
          relocate: (key, to) => tenant.relocate(key, to),
          closed: (why) => tenant.closed(why),
        }),
      read: (key, location, bytes) => opened.read(key, oldOf(location), bytes),
      release: (location, bytes) => opened.release(oldOf(location), bytes),
    }
  }

  private watched(shard: Shard, opened: OpenedShard): OpenedShard {
    return {
      ...opened,
      read: (key, location, bytes) => this.read(opened, key, location, bytes),
      release: (location, bytes) => {
        const name = `${shard}:${location}`
        this.released.set(name, (this.released.get(name) ?? 0) + 1)
        opened.release(location, bytes)
      },
      close: () => {
        this.onClose(shard)
        return opened.close()
      },
    }
  }

  readonly reserve = (bytes: number, purpose: "publish" | "settle"): boolean => {
    if (this.full || !this.inner.reserve(bytes, purpose)) return false
    this.reserved += bytes
    return true
  }

  readonly unreserve = (bytes: number): void => {
    this.reserved -= bytes
    this.inner.unreserve(bytes)
  }

  readonly status = () => this.inner.status()
  readonly close = () => this.inner.close()

  private async commitAll(batch: readonly ShardAppend[]): Promise<readonly CommitResult[]> {
    const { gate } = this
    const allowed = batch.filter(({ shard }) => !this.refusing.has(shard))
    const stored = await this.inner.commit(allowed)
    if (gate !== undefined) await gate
    this.commits += 1
    const answers = stored.values()
    return batch.map(({ shard }): CommitResult => {
      const error = this.refusing.get(shard)
      if (error !== undefined) return { _tag: "Refused", shard, error }
      const answer = answers.next().value
      if (answer === undefined) throw new Error("the inner journal left a shard without answer")
      return answer
    })
  }

  private read(
    opened: OpenedShard,
    key: FrameKey,
    location: Location,
    bytes: number,
  ): Promise<Uint8Array> {
    if (this.unreadable.has(`${key.generation}:${key.first}`)) {
      return Promise.reject(skeinError("ShardCorrupt", "a bad frame", { shard: opened.shard }))
    }
    return opened.read(key, location, bytes)
  }
}
