/**
 * Owns: which shards are open on this node: those that the table gives it, opened a few at a time
 * with s000 first, closed when the table gives them to another living node. What becomes of a shard
 * that ended: opened again, left to its new owner, or given up.
 * Must not know: how a shard is opened or supervised, who plans the table.
 *
 * It works level by level: each change, each end, each timer leads to one `review`, which compares
 * the table with what is held and begins what is missing. Per shard one thing is under way at a
 * time; what came meanwhile is seen by the review at its end.
 *
 * No tug of war: a shard whose token was taken (`Moved`) is set aside. It is claimed back only
 * when the table, read again, still says that it is ours, and the holder of the token has fallen
 * silent. A living holder gets `contestAfterMs`, doubled each time: every living node closes what
 * the table gives to another one within that time, and its token stays behind as if held.
 *
 * Planned moves: `leave` before the token goes: the end of its host is no fault then, and nothing
 * is claimed back while the table says that the shard moves. `adopt` when a token came: the shard
 * is opened although the table does not give it to this node yet, and stays open until it does.
 *
 * Shutdown: `stop`: nothing is opened or closed any more; the supervisor closes what is open.
 */

import { type Clock, type InstanceId, limits, type Shard, type SkeinError } from "@skein/model"
import { movingOf } from "@skein/placement"
import type { FabricMap } from "../FabricMap.js"
import { shardChanges } from "./shardChanges.js"

/** What is done about a shard that ended: opened again soon, or left closed. */
export type AfterEnd = "restart" | "stop"

export interface ShardKeeperOptions {
  readonly fabric: FabricMap
  readonly clock: Clock
  /** Resolves when the shard serves or was left closed: its ends are told to `ended`. */
  readonly open: (shard: Shard) => Promise<void>
  /** Drains it, writes a checkpoint, forgets it. Also while it is being opened. */
  readonly close: (shard: Shard) => Promise<void>
  /** Reads the stored table again; what is new has been told to listeners when it resolves. */
  readonly reread: () => Promise<void>
  /** The instance that holds the shard's token now. */
  readonly holderOf: (shard: Shard) => Promise<InstanceId | undefined>
  /** They failed too often here and should be placed elsewhere: all of them, at each change. */
  readonly onGivenUp: (shards: readonly Shard[]) => void
  /** An `open` or a `close` that failed; it is tried again. */
  readonly onFault: (shard: Shard, cause: unknown) => void
}

/** Shards that are opened at a time: replay shares one thread and one disk. */
const openingMax = 8
/** Ends within the window after which a shard is given up. */
const endsMax = 6
const endsWindowMs = 60_000
/** A shard that was given up and that the table still gives us is tried again after so long. */
const givenUpMs = 60_000
/** By then a new holder has been seen by everybody. */
const lookAfterMs = 2 * limits.aliveEveryMs
/** By then a living holder has read a table that gives the shard to us, and has closed it. */
const contestAfterMs = 2 * limits.silenceAfterMs
const againAfterMs = 1_000
/** A shard that came by a planned move: by then the table says so, or the move was not done. */
const adoptedMs = 10_000

interface Held {
  phase: "closing" | "open" | "opening" | "retrying"
}

interface Aside {
  /** What it is set aside for: another try helps (`given-up`), the token (`lost`), or nothing. */
  readonly why: "for-good" | "given-up" | "left" | "lost"
  disarm: () => void
}

export class ShardKeeper {
  private readonly held = new Map<Shard, Held>()
  private readonly aside = new Map<Shard, Aside>()
  /** Came by a move that the table does not tell yet; until when they are kept all the same. */
  private readonly adopted = new Map<Shard, number>()
  /** When each shard ended, within the window. */
  private readonly ends = new Map<Shard, number[]>()
  private unsubscribe: () => void = () => {}
  private disarmReview: () => void = () => {}
  private running = false

  constructor(private readonly options: ShardKeeperOptions) {}

  start(): void {
    this.running = true
    this.unsubscribe = this.options.fabric.onChange(() => this.review())
    this.review()
  }

  stop(): void {
    this.running = false
    this.unsubscribe()
    this.disarmReview()
    for (const { disarm } of this.aside.values()) disarm()
    this.aside.clear()
  }

  /** Shards that are not opened although the table gives them to this node. */
  get setAside(): readonly Shard[] {
    return [...this.aside.keys()]
  }

  /** The shard's token is given away, or about to be. */
  leave(shard: Shard): void {
    if (!this.running || this.aside.has(shard)) return
    this.adopted.delete(shard)
    this.aside.set(shard, { why: "left", disarm: () => {} })
  }

  /** It went by a planned move: the end of its host is none to report. */
  hasLeft(shard: Shard): boolean {
    return this.aside.get(shard)?.why === "left"
  }

  /** The shard's token has come to this node by a planned move. */
  adopt(shard: Shard): void {
    if (!this.running) return
    this.forget(shard)
    const { clock } = this.options
    this.adopted.set(shard, clock.monotonicMs() + adoptedMs)
    if (!this.held.has(shard)) this.open(shard)
  }

  /** A shard's host ended, or an opening failed: what is to be done with it. */
  ended(shard: Shard, error: SkeinError): AfterEnd {
    const held = this.held.get(shard)
    if (!this.running || held === undefined || held.phase === "closing") return "stop"
    const left = this.aside.get(shard)?.why === "left" && error._tag === "Moved"
    const after = left ? "stop" : this.judge(shard, error)
    if (after === "restart") held.phase = "retrying"
    else this.held.delete(shard)
    // Its place among those that are being opened is free.
    queueMicrotask(() => this.review())
    return after
  }

  private judge(shard: Shard, error: SkeinError): AfterEnd {
    // Damage needs a person; a journal that is gone ends the node by itself.
    if (error._tag === "ShardCorrupt" || error._tag === "FabricClosed") {
      this.aside.set(shard, { why: "for-good", disarm: () => {} })
      return "stop"
    }
    const ends = this.countEnd(shard)
    if (ends > endsMax) {
      this.giveUp(shard)
      return "stop"
    }
    if (error._tag !== "Moved") return "restart"
    this.lost(shard, ends)
    return "stop"
  }

  private countEnd(shard: Shard): number {
    const nowMs = this.options.clock.monotonicMs()
    const recent = (this.ends.get(shard) ?? []).filter((atMs) => atMs > nowMs - endsWindowMs)
    recent.push(nowMs)
    this.ends.set(shard, recent)
    return recent.length
  }

  private review(): void {
    if (!this.running) return
    const { fabric } = this.options
    const table = fabric.table()
    const moving = new Set(movingOf(table).map(({ shard }) => shard))
    for (const [shard, { why }] of this.aside) {
      // Whoever has it next may be this node again: it starts afresh then. Damage stays.
      if (table.owners[shard] !== fabric.self && why !== "for-good") this.forget(shard)
      // The manager takes the move for not done: whoever has the token is looked at.
      else if (why === "left" && !moving.has(shard) && !this.held.has(shard)) this.lost(shard, 1)
    }
    this.reviewAdopted(table.owners, moving)
    const isLiving = (shard: Shard): boolean => fabric.ownerOf(shard) !== undefined
    const { open, close } = shardChanges(table, fabric.self, new Set(this.held.keys()), isLiving)
    for (const shard of close) if (!this.adopted.has(shard)) this.close(shard)
    let slots = openingMax - this.opening
    for (const shard of open) {
      if (this.aside.has(shard)) continue
      if (slots-- <= 0) break
      this.open(shard)
    }
  }

  private reviewAdopted(owners: readonly (string | undefined)[], moving: ReadonlySet<Shard>): void {
    const { clock, fabric } = this.options
    for (const [shard, untilMs] of this.adopted) {
      const isOver = clock.monotonicMs() >= untilMs && !moving.has(shard)
      if (owners[shard] === fabric.self || isOver) this.adopted.delete(shard)
    }
  }

  private get opening(): number {
    let count = 0
    for (const { phase } of this.held.values()) if (phase === "opening") count += 1
    return count
  }

  private open(shard: Shard): void {
    const held: Held = { phase: "opening" }
    this.held.set(shard, held)
    const opened = (): void => {
      if (held.phase !== "closing") held.phase = "open"
      this.review()
    }
    this.options.open(shard).then(opened, (cause) => {
      if (this.held.get(shard) === held && held.phase !== "closing") this.held.delete(shard)
      this.failed(shard, cause)
    })
  }

  private close(shard: Shard): void {
    const held = this.held.get(shard)
    if (held === undefined || held.phase === "closing") return
    held.phase = "closing"
    const closed = (): void => {
      this.held.delete(shard)
      this.ends.delete(shard)
      if (this.adopted.has(shard)) this.open(shard)
      this.review()
    }
    this.options.close(shard).then(closed, (cause) => {
      held.phase = "open"
      this.failed(shard, cause)
    })
  }

  private failed(shard: Shard, cause: unknown): void {
    if (!this.running) return
    this.options.onFault(shard, cause)
    this.disarmReview()
    this.disarmReview = this.options.clock.setTimer(againAfterMs, () => this.review())
  }

  private giveUp(shard: Shard): void {
    this.setTimed(shard, "given-up", givenUpMs, () => {
      this.forget(shard)
      this.review()
    })
    this.tellGivenUp()
  }

  private tellGivenUp(): void {
    const given = [...this.aside].filter(([, { why }]) => why === "given-up")
    this.options.onGivenUp(given.map(([shard]) => shard))
  }

  private lost(shard: Shard, times: number): void {
    const { clock } = this.options
    const contestAtMs = clock.monotonicMs() + contestAfterMs * 2 ** (times - 1)
    const look = (aside: Aside): void => {
      void this.isFree(shard, contestAtMs).then((free) => {
        if (this.aside.get(shard) !== aside) return
        if (!free) {
          aside.disarm = clock.setTimer(lookAfterMs, () => look(aside))
          return
        }
        this.aside.delete(shard)
        this.review()
      })
    }
    this.setTimed(shard, "lost", lookAfterMs, look)
  }

  /** Whether the shard's token may be claimed although another took it. */
  private async isFree(shard: Shard, contestAtMs: number): Promise<boolean> {
    const { clock, fabric, holderOf, reread } = this.options
    try {
      await reread()
      const holder = await holderOf(shard)
      // The move may have been done: only a target that fell silent leaves it free.
      const isMoving = movingOf(fabric.table()).some((one) => one.shard === shard)
      if (!isMoving && clock.monotonicMs() >= contestAtMs) return true
      const node = fabric.nodes().find(({ instance }) => instance === holder)
      // The living node of our name is this one.
      const own = fabric.ownerOf(shard)?.instance
      return node === undefined || node.silent || node.instance === own
    } catch {
      // What cannot be looked at now is looked at again.
      return false
    }
  }

  private setTimed(
    shard: Shard,
    why: Aside["why"],
    delayMs: number,
    then: (aside: Aside) => void,
  ): void {
    const aside: Aside = { why, disarm: () => {} }
    aside.disarm = this.options.clock.setTimer(delayMs, () => then(aside))
    this.aside.set(shard, aside)
  }

  private forget(shard: Shard): void {
    const aside = this.aside.get(shard)
    aside?.disarm()
    this.aside.delete(shard)
    this.ends.delete(shard)
    if (aside?.why === "given-up") this.tellGivenUp()
  }
}
