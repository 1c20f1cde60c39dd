/**
 * Owns: the record a shard is gathering: who must be answered after it, which frames it stores,
 * what was set aside for it. Lives from one seal to the next.
 */
import type { FrameToStore, Journal } from "@skein/journal"
import { limits, type Now, type SkeinError } from "@skein/model"
import type { ShardMeter } from "./load/ShardMeter.js"
import type { Section } from "./RecordSections.js"
import type { ShardActor, Turn, Waiter } from "./ShardActor.js"

/** Room for the record's header and the section heads, set aside with the first command. */
const overheadBytes = 256
const noEvents = new Uint8Array(0)

export class OpenRecord implements Turn {
  readonly frames: FrameToStore[] = []
  readonly waiters: Waiter[] = []
  /** Who has decided something into this record and takes part in its seal. */
  readonly actors = new Set<ShardActor>()
  /** Deleted in this record: their sections close it. */
  readonly deleted: ShardActor[] = []
  reserved = 0
  messages = 0
  bytes = 0
  private deadlineMs = 0

  constructor(
    private readonly journal: Journal,
    private readonly clock: { readonly monotonicMs: () => number },
    public now: Now,
    /** Since when what was decided first into it had been there, monotonic. */
    readonly sinceMs: number,
  ) {}

  /** Called at the start of each turn that adds to this record. */
  begin(now: Now, deadlineMs: number): void {
    this.now = now
    this.deadlineMs = deadlineMs
  }

  store(frame: FrameToStore): void {
    this.frames.push(frame)
  }

  wait(waiter: Waiter): void {
    this.waiters.push(waiter)
  }

  count(messages: number, bytes: number): void {
    this.messages += messages
    this.bytes += bytes
  }

  /** It is closed: its actors hand out what is ready; the events of all of them. */
  close(meter: ShardMeter): Section[] {
    const sections: Section[] = []
    for (const actor of this.actors) {
      const events = actor.seal(this)
      meter.depth += actor.depthChange()
      if (events === undefined) continue
      sections.push({ generation: actor.generation, deleted: false, events })
    }
    for (const { generation } of this.deleted) {
      sections.push({ generation, deleted: true, events: noEvents })
    }
    return sections
  }

  /**
   * It is durable: releases those who wait, in order, and counts it. One that throws is no reason
   * to leave the others without an answer; the first such fault.
   */
  answer(nowMs: number, meter: ShardMeter): { readonly cause: unknown } | undefined {
    meter.messages += this.messages
    meter.bytes += this.bytes
    if (this.frames.length > 0) meter.confirmed(nowMs - this.sinceMs, this.frames.length)
    let fault: { readonly cause: unknown } | undefined
    for (const waiter of this.waiters) {
      try {
        waiter.release()
      } catch (cause) {
        fault ??= { cause }
      }
    }
    return fault
  }

  fail(why: SkeinError): void {
    for (const waiter of this.waiters) waiter.fail(why)
  }

  reserve(bytes: number, purpose: "publish" | "settle"): boolean {
    const wanted = bytes + (this.reserved === 0 ? overheadBytes : 0)
    if (!this.journal.reserve(wanted, purpose)) return false
    this.reserved += wanted
    return true
  }

  fits(bytes: number): boolean {
    return this.reserved + bytes + overheadBytes <= limits.recordBytesMax
  }

  /** What was reserved covers frames and events: neither many settles nor frames overfill it. */
  full(): boolean {
    return this.reserved >= limits.batchBytesMax
  }

  spent(): boolean {
    return this.full() || this.clock.monotonicMs() >= this.deadlineMs
  }
}
