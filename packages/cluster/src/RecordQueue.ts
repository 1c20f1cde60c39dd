/**
 * Owns: the records of one shard on their way: open -> sealed -> taken by a commit -> stored ->
 * answered, in this order and each once. Turns go on while a commit is in flight, on a new record;
 * one more commit may be taken before the last one's answers are sent.
 * Must not know: what is in them, the journal.
 */
import type { ShardRecord } from "@skein/journal"
import type { OpenRecord } from "./OpenRecord.js"

export class RecordQueue {
  /** The one that turns add to. */
  open: OpenRecord | undefined
  /** Closed, and no commit has taken them yet; some have nothing to store. */
  private sealed: OpenRecord[] = []
  private toStore: ShardRecord[] = []
  /** One entry a commit. */
  private inFlight: OpenRecord[][] = []
  private durable: OpenRecord[] = []

  get isEmpty(): boolean {
    return this.open === undefined && this.sealed.length + this.inFlight.length === 0
  }

  /** The open record is closed; `stored`: what the journal gets of it, if anything. */
  seal(record: OpenRecord, stored: ShardRecord | undefined): void {
    this.open = undefined
    this.sealed.push(record)
    if (stored !== undefined) this.toStore.push(stored)
  }

  /** What is to be committed now; `undefined` when nothing is sealed. */
  take(): readonly ShardRecord[] | undefined {
    if (this.sealed.length === 0) return undefined
    this.inFlight.push(this.sealed)
    this.sealed = []
    const records = this.toStore
    this.toStore = []
    return records
  }

  /** The records of the commit that is answered now; `undefined` after the end. */
  answered(): readonly OpenRecord[] | undefined {
    return this.inFlight.shift()
  }

  /** They are durable, and are released with the next {@link release}. */
  keep(records: readonly OpenRecord[]): void {
    for (const record of records) this.durable.push(record)
  }

  release(): readonly OpenRecord[] {
    const records = this.durable
    this.durable = []
    return records
  }

  /** All that no commit has answered, oldest first; nothing is left of them here. */
  end(): readonly OpenRecord[] {
    const open = this.open === undefined ? [] : [this.open]
    const all = [...this.inFlight.flat(), ...this.sealed, ...open]
    this.open = undefined
    this.sealed = []
    this.toStore = []
    this.inFlight = []
    return all
  }
}
